#include "store/fetch/net.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "store/fetch/run_exchange.hpp"
#include "store/fetch/url.hpp"

namespace hearth::store::fetch {
namespace {

constexpr int kRedirectsMax = 10;
constexpr int kNobodyThereMax = 3;  // attempts where no server has ever answered: somebody waits, and it may not exist

std::unexpected<Error> stopped(const std::string& url) {
  return fail(ErrorCode::kCancelled, fmt::format("{}: stopped", printable(url)));
}

}  // namespace

Result<Answer> get(const Call& call, const Net& net, std::size_t body_max, std::stop_token stop) {
  HEARTH_CHECK(load_curl());
  const Multi multi = make_multi();
  const std::stop_callback on_stop(stop, [&] { curl().multi_wakeup(multi.get()); });
  HEARTH_TRY(const std::string home, origin_of(call.url));
  std::mt19937 random(std::random_device{}());
  Exchange exchange;
  std::string url = call.url;
  int failures = 0;
  int redirects = 0;
  while (true) {
    Answer answer{.url = url};
    bool too_large = false;
    HEARTH_TRY(const std::string origin, origin_of(url));
    auto headers = call.plain_headers;
    if (origin == home) headers.insert(headers.end(), call.headers.begin(), call.headers.end());
    exchange.prepare(url, headers, net, [&](std::span<const char> bytes) {
      answer.body.append(bytes.data(), bytes.size());
      too_large = answer.body.size() > body_max;
      return !too_large;
    });
    const auto code = run_exchange(multi.get(), exchange, stop);
    if (!code) return stopped(url);
    if (too_large)
      return fail(ErrorCode::kPayloadTooLarge, fmt::format("{}: answers more than {} bytes", printable(url), body_max));
    if (code == CURLE_OK && exchange.redirected()) {
      if (++redirects > kRedirectsMax)
        return fail(ErrorCode::kBackendError, fmt::format("{}: redirects without end", printable(call.url)));
      HEARTH_TRY(url, redirect_target(url, exchange.header("location")));
      continue;
    }
    const bool final_answer = code == CURLE_OK && !is_transient_status(exchange.status());
    const auto asked = exchange.retry_after();
    const bool nobody = code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST;
    const int attempts_max = nobody ? std::min(kNobodyThereMax, net.retry.attempts_max) : net.retry.attempts_max;
    const bool worth_it = ++failures < attempts_max && (!asked || *asked <= net.retry.asked_max);
    if (final_answer || (code == CURLE_OK && !worth_it)) {
      answer.status = exchange.status();
      answer.headers = exchange.headers();
      return answer;
    }
    if (!worth_it) return fail(ErrorCode::kUnavailable, fmt::format("{}: {}", printable(url), exchange.problem(*code)));
    if (!pause(multi.get(), backoff(net.retry, failures, asked, random), stop)) return stopped(url);
  }
}

}  // namespace hearth::store::fetch
