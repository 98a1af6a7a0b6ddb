#pragma once

#include <string>

#include "base/result.hpp"

namespace hearth::store {

// Whether a model can be given this chat template. Only what is written in Go's language is looked at: jinja is taken
// apart by the runner, which says what is wrong when it loads. Empty is fine. kInvalidRequest has the line.
[[nodiscard]] Result<void> check_template(const std::string& text);

}  // namespace hearth::store
