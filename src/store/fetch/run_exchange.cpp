#include "store/fetch/run_exchange.hpp"

namespace hearth::store::fetch {
namespace {

constexpr std::chrono::milliseconds kPoll{1000};

void wait(CURLM* multi, std::chrono::milliseconds span) {
  curl().multi_poll(multi, nullptr, 0, static_cast<int>(span.count()), nullptr);
}

}  // namespace

std::optional<CURLcode> run_exchange(CURLM* multi, const Exchange& exchange, const std::stop_token& stop) {
  curl().multi_add_handle(multi, exchange.easy());
  std::optional<CURLcode> out;
  int running = 1;
  while (!stop.stop_requested() && !out) {
    curl().multi_perform(multi, &running);
    int left = 0;
    while (const CURLMsg* message = curl().multi_info_read(multi, &left)) {
      if (message->msg == CURLMSG_DONE) out = message->data.result;
    }
    if (!out) wait(multi, kPoll);
  }
  curl().multi_remove_handle(multi, exchange.easy());
  return out;
}

bool pause(CURLM* multi, std::chrono::milliseconds span, const std::stop_token& stop) {
  const auto until = std::chrono::steady_clock::now() + span;
  while (!stop.stop_requested()) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    if (left.count() <= 0) return true;
    wait(multi, left);
  }
  return false;
}

}  // namespace hearth::store::fetch
