#pragma once

#include <chrono>
#include <cstddef>

#include "base/bytes.hpp"

namespace hearth::http {

using namespace std::chrono_literals;

// Always on. A slow or silent peer costs a bounded time and a bounded amount of memory.
struct Limits {
  base::Bytes header_max{16ULL << 10};
  std::chrono::milliseconds header_timeout = 15s;  // from the first byte of a request to the end of its header
  std::chrono::milliseconds body_idle_timeout = 30s;
  std::chrono::milliseconds body_grace = 60s;     // a body may take so long, and a second more for each body_rate_min
  base::Bytes body_rate_min{4ULL << 10};          // of bytes that have arrived
  base::Bytes bodies_max{1ULL << 30};             // of all requests together, until they are answered; beyond: 503
  std::chrono::milliseconds write_timeout = 60s;  // per write, and a second more for each 64 KiB of it
  std::chrono::milliseconds idle_timeout = 120s;  // keep-alive connection without a request
  std::size_t connections_max = 16384;  // beyond: the oldest without a complete header goes first, then the oldest idle
                                        // one, then the oldest whose body is still arriving
  std::size_t requests_in_flight_max = 8192;  // beyond: 503
  base::Bytes read_ahead_max{64ULL << 10};    // bytes read while a handler runs, to see the client go
};

}  // namespace hearth::http
