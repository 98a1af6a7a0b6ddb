#pragma once

#include <chrono>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "store/fetch/retry.hpp"

namespace hearth::store::fetch {

using Headers = std::map<std::string, std::string>;  // names in lower case; the last of equal names

// How this process talks to others. Proxies come from http_proxy, https_proxy and no_proxy, as everywhere.
struct Net {
  std::string user_agent = "hearth/" HEARTH_VERSION;
  std::chrono::milliseconds connect_timeout{15'000};
  std::chrono::seconds stall{30};  // next to nothing for so long = a failure
  RetryPolicy retry;
};

struct Call {
  std::string url;
  std::vector<std::string> headers;          // "name: value"; go to the URL's own origin only, also after redirects
  std::vector<std::string> plain_headers{};  // no secrets: go wherever redirects lead
};

struct Answer {
  long status = 0;
  Headers headers;
  std::string body;
  std::string url;  // that answered, after redirects
};

// GET of something small. Transient failures are tried again as `net.retry` says; what is not 2xx then is an answer
// too. kUnavailable: nobody answers; kPayloadTooLarge: more than `body_max` bytes; kForbidden, kBackendError: a
// redirect that is not followed (https to http, more than 10); kCancelled: by `stop`.
[[nodiscard]] Result<Answer> get(const Call& call, const Net& net, std::size_t body_max, std::stop_token stop = {});

}  // namespace hearth::store::fetch
