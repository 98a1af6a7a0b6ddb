#pragma once

#include <memory>

#include "base/log.hpp"

namespace hearth::base {

// Log lines on stderr through spdlog: time, level, text; coloured on a terminal. Thread-safe.
[[nodiscard]] std::unique_ptr<Log> make_stderr_log(LogLevel level);

}  // namespace hearth::base
