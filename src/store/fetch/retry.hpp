#pragma once

#include <chrono>
#include <optional>
#include <random>
#include <string_view>

namespace hearth::store::fetch {

// How often and how long to wait after failures in a row: exponential back-off with full jitter, at least what the
// server asked for.
struct RetryPolicy {
  int attempts_max = 8;  // in a row without one byte
  std::chrono::milliseconds first{500};
  std::chrono::milliseconds longest{30'000};
  std::chrono::seconds asked_max{600};  // a server that asks for more is taken at its word: the transfer fails
};

// Before attempt `failures` + 1 (failures >= 1). "Full jitter": uniform in (0, min(longest, first * 2^(failures-1))].
[[nodiscard]] std::chrono::milliseconds backoff(const RetryPolicy& policy, int failures,
                                                std::optional<std::chrono::seconds> asked, std::mt19937& random);

// 408, 425, 429 and 5xx may go away by themselves.
[[nodiscard]] bool is_transient_status(long status);

// Retry-After as seconds or as an HTTP date (RFC 9110, 10.2.3); negative spans are 0. A date counts from the server's
// own time, the `date` of the same answer, since the clocks of the two may differ; from `now` where that is no date.
[[nodiscard]] std::optional<std::chrono::seconds> parse_retry_after(std::string_view value, std::string_view date,
                                                                    std::chrono::system_clock::time_point now);

}  // namespace hearth::store::fetch
