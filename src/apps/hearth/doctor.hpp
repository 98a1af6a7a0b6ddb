#pragma once

#include "cli/context.hpp"

namespace hearth::apps {

// `hearth doctor`: what this machine and installation can do, one check per line. Exit 1 if a check fails.
[[nodiscard]] int doctor(cli::Context& context);

}  // namespace hearth::apps
