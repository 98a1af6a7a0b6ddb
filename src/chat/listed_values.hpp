#pragma once

#include <string>
#include <string_view>

namespace hearth::chat {

// A grammar of calls in which the arguments of tool number `tool` stand as text between tags, with those of its
// parameters that are texts of a list (`enum`, `const`) kept to that list. Other grammars stay as they are.
// `parameters` is the tool's JSON schema.
[[nodiscard]] std::string with_listed_values(std::string grammar, std::size_t tool, std::string_view parameters);

}  // namespace hearth::chat
