#pragma once

#include <string>

namespace hearth::chat::go {

// A real as Go's %v has it: the shortest digits that read back the same; with an exponent below 1e-4 and from 1e6 on.
[[nodiscard]] std::string real_text(double number);
// As Go's json.Marshal has it: with an exponent below 1e-6 and from 1e21 on. What is not finite is null.
[[nodiscard]] std::string real_json(double number);

}  // namespace hearth::chat::go
