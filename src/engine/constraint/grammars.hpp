#pragma once

#include <string>
#include <string_view>
#include <xgrammar/xgrammar.h>

#include "chat/format/answer_format.hpp"
#include "domain/request.hpp"

namespace hearth::engine::constraint {

// White space in a row: enough for a line break and some indentation, and an end for models that love it.
inline constexpr int kSpacesMax = 10;

// Grammars of XGrammar; each may throw what it throws.

// REQUIRES: not kText; a schema that is plain (schema.hpp).
[[nodiscard]] xgrammar::Grammar grammar_of(const domain::ResponseFormat& format, const std::string& schema);
// `text`, as a model of this format writes it: after its thinking, with the text's head.
[[nodiscard]] xgrammar::Grammar framed(const chat::AnswerFormat& format, xgrammar::Grammar text);
// An answer of nothing but calls, and thinking before them.
[[nodiscard]] xgrammar::Grammar calls_of(const chat::AnswerFormat& format);

}  // namespace hearth::engine::constraint
