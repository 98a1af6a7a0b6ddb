#pragma once

#include <filesystem>

#include "config/settings.hpp"

namespace hearth::apps {

[[nodiscard]] std::filesystem::path this_program();
// hearth-runner: HEARTH_BINARY_DIR, else beside this program, else ../libexec/hearth.
[[nodiscard]] std::filesystem::path runner_program(const config::Settings& settings);

}  // namespace hearth::apps
