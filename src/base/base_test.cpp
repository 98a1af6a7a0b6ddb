#include <gtest/gtest.h>
#include <set>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"

namespace hearth::base {
namespace {

using namespace std::chrono_literals;

TEST(Error, NamesAreUniqueAndInvertible) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kErrorCodeCount; ++i) {
    const auto code = static_cast<ErrorCode>(i);
    EXPECT_TRUE(names.insert(traits(code).name).second) << traits(code).name;
    EXPECT_EQ(error_code_from_name(traits(code).name), code);
    EXPECT_GE(traits(code).http_status, 400);
  }
  EXPECT_EQ(error_code_from_name("no such name"), ErrorCode::kInternal);
}

Result<int> half(int n) {
  if (n % 2 != 0) return fail(ErrorCode::kInvalidRequest, "odd", "n");
  return n / 2;
}
Result<int> quarter(int n) {
  HEARTH_TRY(const int h, half(n));
  HEARTH_TRY(const int q, half(h));
  return q;
}

TEST(Result, TryPassesValuesAndErrors) {
  EXPECT_EQ(quarter(8).value(), 2);
  EXPECT_EQ(quarter(6).error().message, "odd");
  EXPECT_EQ(half(4).map([](int n) { return n + 1; }).value(), 3);
  EXPECT_EQ(half(3).and_then([](int n) { return half(n); }).error().param, "n");
}

TEST(Bytes, Human) {
  EXPECT_EQ(human({0}), "0 B");
  EXPECT_EQ(human({999}), "999 B");
  EXPECT_EQ(human({1185376}), "1.2 MB");
  EXPECT_EQ(human({529'000'000}), "529 MB");
  EXPECT_EQ(human(8_GiB), "8.6 GB");
}

TEST(Bytes, SizesAreRead) {
  EXPECT_EQ(parse_bytes("0"), 0_MiB);
  EXPECT_EQ(parse_bytes("1073741824"), 1_GiB);
  EXPECT_EQ(parse_bytes("512MiB"), 512_MiB);
  EXPECT_EQ(parse_bytes("1.5 GB"), Bytes{1'500'000'000});
  EXPECT_EQ(parse_bytes("2tb"), Bytes{2'000'000'000'000});
  for (const auto* bad : {"", "MB", "-1", "12XB", "1 2", "much", "99999999999TB"})
    EXPECT_EQ(parse_bytes(bad), std::nullopt) << bad;
}

TEST(Clock, Durations) {
  EXPECT_EQ(parse_duration("5m"), 5min);
  EXPECT_EQ(parse_duration("1h30m"), 90min);
  EXPECT_EQ(parse_duration("300ms"), 300ms);
  EXPECT_EQ(parse_duration("10"), 10s);
  EXPECT_EQ(parse_duration("0"), 0s);
  EXPECT_EQ(parse_duration("1.5s"), 1500ms);
  EXPECT_EQ(parse_duration("-1"), kForever);
  EXPECT_EQ(parse_duration("-1m"), kForever);
  for (const auto* bad : {"", "m", "5x", "5m3", "abc", "-"}) EXPECT_EQ(parse_duration(bad), std::nullopt) << bad;
  EXPECT_EQ(format_duration(90min), "1h30m");
  EXPECT_EQ(format_duration(250ms), "250ms");
  EXPECT_EQ(format_duration(kForever), "forever");
}

TEST(Clock, Rfc3339HasNanoseconds) {
  struct {
    std::int64_t nanoseconds;
    const char* text;
  } const cases[] = {{1'790'000'000'120'000'001, "2026-09-21T14:13:20.120000001Z"},
                     {0, "1970-01-01T00:00:00.000000000Z"},
                     {-1, "1969-12-31T23:59:59.999999999Z"},
                     {951'782'400'000'000'000, "2000-02-29T00:00:00.000000000Z"}};
  for (const auto& c : cases) EXPECT_EQ(rfc3339(WallTime(std::chrono::nanoseconds(c.nanoseconds))), c.text);
}

TEST(Deadline, PassesOnceReached) {
  const SteadyTime start{};
  EXPECT_FALSE(Deadline().passed(start));
  EXPECT_FALSE(Deadline::after(2s, start).passed(start + 1s));
  EXPECT_TRUE(Deadline::after(2s, start).passed(start + 2s));
}

}  // namespace
}  // namespace hearth::base
