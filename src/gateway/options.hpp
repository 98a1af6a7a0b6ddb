#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "sched/quantizer.hpp"

namespace hearth::gateway {

struct GatewayOptions {
  std::string version;
  std::vector<std::string> api_keys;       // none = no key is asked for
  std::vector<std::string> allowed_hosts;  // beside the built-in ones
  std::vector<std::string> cors_origins;   // exact origins, or "*"
  bool allow_templates = false;            // requests may bring a jinja template of their own
  bool any_ip_host = false;                // bound beyond loopback: a Host that is an IP address is fine
  sched::QuantizerOptions quantizer;
  base::Bytes body_max{64ULL << 20};
  // Headers of a stream wait for the first content at most this long, so that an early failure is an honest status.
  std::chrono::milliseconds header_hold{10'000};
  std::chrono::milliseconds heartbeat{15'000};  // SSE comments while nothing else is sent
};

}  // namespace hearth::gateway
