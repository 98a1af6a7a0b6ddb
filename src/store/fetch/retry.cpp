#include "store/fetch/retry.hpp"

#include <algorithm>
#include <string>

#include "base/strings.hpp"
#include "store/fetch/curl_library.hpp"

namespace hearth::store::fetch {
namespace {

std::optional<std::chrono::system_clock::time_point> parse_date(const std::string& text) {
  const std::time_t at = curl().getdate(text.c_str(), nullptr);
  if (at < 0) return std::nullopt;
  return std::chrono::system_clock::from_time_t(at);
}

}  // namespace

std::chrono::milliseconds backoff(const RetryPolicy& policy, int failures, std::optional<std::chrono::seconds> asked,
                                  std::mt19937& random) {
  const int doublings = std::clamp(failures - 1, 0, 16);
  const auto most = std::min<std::int64_t>(policy.longest.count(), policy.first.count() << doublings);
  std::uniform_int_distribution<std::int64_t> spread(1, std::max<std::int64_t>(most, 1));
  const std::chrono::milliseconds own(spread(random));
  return asked ? std::max(own, std::chrono::milliseconds(*asked)) : own;
}

bool is_transient_status(long status) { return status == 408 || status == 425 || status == 429 || status >= 500; }

std::optional<std::chrono::seconds> parse_retry_after(std::string_view value, std::string_view date,
                                                      std::chrono::system_clock::time_point now) {
  const std::string text(base::trim(value));
  if (const auto seconds = base::parse_int(text)) return std::chrono::seconds(std::max(*seconds, 0LL));
  const auto at = parse_date(text);
  if (!at) return std::nullopt;
  const auto span = *at - parse_date(std::string(date)).value_or(now);
  return std::max(std::chrono::duration_cast<std::chrono::seconds>(span), std::chrono::seconds(0));
}

}  // namespace hearth::store::fetch
