#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hearth::chat {

// A grammar as llama.cpp writes it (GBNF) in the form that every reader of GBNF takes: an alternative of nothing is
// written as "".
[[nodiscard]] std::string with_explicit_nothing(std::string_view grammar);

// Of a grammar of answers that must call a tool: what is left without all that may stand before the first call (the
// head of the answer, thinking, free text). Nothing if it does not say where that ends.
[[nodiscard]] std::optional<std::string> calls_only(std::string_view grammar);

}  // namespace hearth::chat
