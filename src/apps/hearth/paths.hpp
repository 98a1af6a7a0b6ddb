#pragma once

#include <filesystem>

#include "config/settings.hpp"
#include "store/home.hpp"

namespace hearth::apps {

[[nodiscard]] std::filesystem::path this_program();
// Models, registry and state from the settings; the bundled models from beside the program (installed or in the source
// tree).
[[nodiscard]] store::Home home_of(const config::Settings& settings);
// hearth-runner: HEARTH_BINARY_DIR, else beside this program, else ../libexec/hearth.
[[nodiscard]] std::filesystem::path runner_program(const config::Settings& settings);

}  // namespace hearth::apps
