#pragma once

#include <memory>

#include "base/log.hpp"

namespace hearth::base {

// Log lines on stderr through spdlog: time, level, text; coloured on a terminal unless `color` is false. Thread-safe.
[[nodiscard]] std::unique_ptr<Log> make_stderr_log(LogLevel level, bool color = true);

}  // namespace hearth::base
