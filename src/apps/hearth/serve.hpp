#pragma once

#include "base/log.hpp"
#include "cli/context.hpp"
#include "config/settings.hpp"
#include "store/home.hpp"

namespace hearth::apps {

// `hearth serve`: runs until SIGINT, SIGTERM, POST /hearth/v1/shutdown or idle exit. Gives the exit code.
[[nodiscard]] int serve(const config::Settings& settings, const store::Home& home, const cli::Globals& globals,
                        base::Log& log);

}  // namespace hearth::apps
