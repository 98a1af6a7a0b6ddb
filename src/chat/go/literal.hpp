#pragma once

#include "base/result.hpp"
#include "chat/go/lexer.hpp"
#include "chat/go/value.hpp"

namespace hearth::chat::go {

// The value of a kNumber or kString. kInvalidRequest: Go would not take it.
[[nodiscard]] Result<Value> literal_value(const Token& token);

}  // namespace hearth::chat::go
