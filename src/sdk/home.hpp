#pragma once

#include "config/settings.hpp"
#include "store/home.hpp"

namespace hearth::sdk {

// Models, registry and state from the settings; the bundled models and the catalogue from beside the program
// (installed or in the source tree).
[[nodiscard]] store::Home home_of(const config::Settings& settings);

}  // namespace hearth::sdk
