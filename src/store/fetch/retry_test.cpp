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
  EXPECT_EQ(parse_retry_after("120", now), 120s);
  EXPECT_EQ(parse_retry_after(" 0 ", now), 0s);
  EXPECT_EQ(parse_retry_after("-5", now), 0s);
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:50:37 GMT", now), 60s);
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:00:00 GMT", now), 0s);
  EXPECT_EQ(parse_retry_after("soon", now), std::nullopt);
  EXPECT_EQ(parse_retry_after("", now), std::nullopt);
}

}  // namespace
}  // namespace hearth::store::fetch
