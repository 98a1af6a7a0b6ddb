#include "store/fetch/net.hpp"

#include <fmt/format.h>
#include <thread>

#include "store/fetch/exchange.hpp"
#include "store/fetch/url.hpp"

namespace hearth::store::fetch {
namespace {

constexpr int kRedirectsMax = 10;
constexpr int kPollMs = 1000;

// Waits on the multi handle, which `stop` wakes.
void wait(CURLM* multi, std::chrono::milliseconds span) {
  curl().multi_poll(multi, nullptr, 0, static_cast<int>(span.count()), nullptr);
}

std::unexpected<Error> stopped(const std::string& url) {
  return fail(ErrorCode::kCancelled, fmt::format("{}: stopped", printable(url)));
}

// Runs one request to its end. nullopt: stopped.
std::optional<CURLcode> run(CURLM* multi, Exchange& exchange, const std::stop_token& stop) {
  curl().multi_add_handle(multi, exchange.easy());
  std::optional<CURLcode> out;
  int running = 1;
  while (!stop.stop_requested() && !out) {
    curl().multi_perform(multi, &running);
    int left = 0;
    while (const CURLMsg* message = curl().multi_info_read(multi, &left)) {
      if (message->msg == CURLMSG_DONE) out = message->data.result;
    }
    if (!out) wait(multi, std::chrono::milliseconds(kPollMs));
  }
  curl().multi_remove_handle(multi, exchange.easy());
  return out;
}

// Sleeps, but not past a stop; false = stopped.
bool pause(CURLM* multi, std::chrono::milliseconds span, const std::stop_token& stop) {
  const auto until = std::chrono::steady_clock::now() + span;
  while (!stop.stop_requested()) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    if (left.count() <= 0) return true;
    wait(multi, left);
  }
  return false;
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
    const auto code = run(multi.get(), exchange, stop);
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
    const bool worth_it = ++failures < net.retry.attempts_max && (!asked || *asked <= net.retry.asked_max);
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
