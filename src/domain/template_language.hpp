#pragma once

#include <string_view>

namespace hearth::domain {

// Whether a chat template is written in Go's template language, as Ollama's are, rather than in jinja. The two never
// look alike: jinja has {% ... %}, and its expressions begin with a name; Go's have fields with a dot before them
// ({{ .System }}, {{ json .Tools }}), variables with a $, and their keywords in the same braces ({{ if, {{ end }}).
// Text that has neither is jinja.
[[nodiscard]] bool is_go_template(std::string_view text);

}  // namespace hearth::domain
