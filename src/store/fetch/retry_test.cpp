#include "store/fetch/retry.hpp"

#include <gtest/gtest.h>

namespace hearth::store::fetch {
namespace {

using namespace std::chrono_literals;

TEST(Backoff, DoublesWithJitterUpToItsCap) {
  const RetryPolicy policy{.first = 100ms, .longest = 1000ms};
  std::mt19937 random(3);
  const struct {
    int failures;
    std::chrono::milliseconds most;
  } cases[] = {{1, 100ms}, {2, 200ms}, {3, 400ms}, {4, 800ms}, {5, 1000ms}, {60, 1000ms}};
  for (const auto& c : cases) {
    auto longest = 0ms;
    auto shortest = 10'000ms;
    for (int i = 0; i < 500; ++i) {
      const auto span = backoff(policy, c.failures, std::nullopt, random);
      longest = std::max(longest, span);
      shortest = std::min(shortest, span);
    }
    EXPECT_LE(longest, c.most);
    EXPECT_GT(longest, c.most * 9 / 10);
    EXPECT_GT(shortest, 0ms);
    EXPECT_LT(shortest, c.most / 10);
  }
}

TEST(Backoff, NeverShorterThanAsked) {
  std::mt19937 random(3);
  EXPECT_GE(backoff({}, 1, 20s, random), 20s);
}

TEST(RetryAfter, SecondsAndDates) {
  const auto now = std::chrono::system_clock::from_time_t(784'111'777);  // Sun, 06 Nov 1994 08:49:37 GMT
  const struct {
    const char* value;
    const char* date;
    std::optional<std::chrono::seconds> span;
  } cases[] = {
      {"120", "", 120s},
      {" 0 ", "", 0s},
      {"-5", "", 0s},
      {"Sun, 06 Nov 1994 08:50:37 GMT", "", 60s},
      {"Sun, 06 Nov 1994 08:00:00 GMT", "", 0s},
      {"soon", "", std::nullopt},
      {"", "", std::nullopt},
      {"120", "Sun, 06 Nov 1994 08:50:30 GMT", 120s},
      // This machine's clock is a year ahead, or years behind: the server's own counts.
      {"Sat, 06 Nov 1993 08:50:37 GMT", "Sat, 06 Nov 1993 08:50:30 GMT", 7s},
      {"Fri, 06 Nov 2026 08:50:37 GMT", "Fri, 06 Nov 2026 08:50:30 GMT", 7s},
      {"Sun, 06 Nov 1994 08:50:37 GMT", "yesterday", 60s},
  };
  for (const auto& c : cases) EXPECT_EQ(parse_retry_after(c.value, c.date, now), c.span) << c.value << " " << c.date;
}

}  // namespace
}  // namespace hearth::store::fetch
