#pragma once

#include <string>

#include "base/result.hpp"
#include "chat/go/syntax.hpp"

namespace hearth::chat::go {

// kInvalidRequest with the line: not a template, too long, nested too deeply, or a function or variable that there is
// not.
[[nodiscard]] Result<Program> parse(std::string source);

}  // namespace hearth::chat::go
