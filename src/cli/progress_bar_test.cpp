#include "cli/progress_bar.hpp"

#include <gtest/gtest.h>

namespace hearth::cli {
namespace {

using namespace std::chrono_literals;

TEST(ProgressLine, Table) {
  EXPECT_EQ(progress_line(0, 1'000'000, 0, 80), "  0% [                                        ]  0 B of 1.0 MB");
  EXPECT_EQ(progress_line(500'000, 1'000'000, 100'000, 60),
            " 50% [#######       ]  500 kB of 1.0 MB  100 kB/s  5 s left");
  EXPECT_EQ(progress_line(999'999, 1'000'000, 0, 30), " 99%  1.0 MB of 1.0 MB");
  EXPECT_EQ(progress_line(1'000'000, 1'000'000, 5e6, 30), "100%  1.0 MB of 1.0 MB  5.0 MB/s");
  EXPECT_EQ(progress_line(0, 3'700'000'000, 1e6, 30), "  0%  0 B of 3.7 GB  1.0 MB/s  1 h 1 min left");
  EXPECT_EQ(progress_line(0, 0, 0, 10), "  0%  0 B of 0 B");
}

TEST(Rate, IsThatOfTheLastSeconds) {
  Rate rate;
  const base::SteadyTime start{};
  rate.add(0, start);
  EXPECT_EQ(rate.per_second(), 0);
  for (int s = 1; s <= 20; ++s) rate.add(static_cast<std::uint64_t>(s) * 100, start + s * 1s);
  EXPECT_DOUBLE_EQ(rate.per_second(), 100);
  for (int s = 21; s <= 40; ++s) rate.add(2000, start + s * 1s);
  EXPECT_DOUBLE_EQ(rate.per_second(), 0);
}

}  // namespace
}  // namespace hearth::cli
