#pragma once

#include <chrono>
#include <optional>
#include <stop_token>

#include "store/fetch/exchange.hpp"

namespace hearth::store::fetch {

// For callers that wait for one exchange at a time. Both end when a stop is requested, at once if that wakes the multi.

// Runs a prepared exchange to its end; nothing = stopped.
[[nodiscard]] std::optional<CURLcode> run_exchange(CURLM* multi, const Exchange& exchange, const std::stop_token& stop);
// Sleeps; false = stopped.
[[nodiscard]] bool pause(CURLM* multi, std::chrono::milliseconds span, const std::stop_token& stop);

}  // namespace hearth::store::fetch
