#include "store/fetch/range_set.hpp"

#include <gtest/gtest.h>
#include <random>
#include <vector>

namespace hearth::store::fetch {
namespace {

TEST(RangeSet, NeighboursMerge) {
  RangeSet set;
  set.add({0, 10});
  set.add({20, 30});
  EXPECT_EQ(set.ranges().size(), 2U);
  set.add({10, 20});
  EXPECT_EQ(set.ranges(), (std::vector<Range>{{0, 30}}));
  EXPECT_EQ(set.frontier(), 30U);
}

TEST(RangeSet, GapsAreFoundInOrder) {
  RangeSet set;
  EXPECT_EQ(set.first_gap(5), (Range{0, 5}));
  EXPECT_EQ(set.first_gap(0), std::nullopt);
  set.add({0, 2});
  set.add({4, 6});
  EXPECT_EQ(set.first_gap(8), (Range{2, 4}));
  set.add({2, 4});
  EXPECT_EQ(set.first_gap(8), (Range{6, 8}));
  EXPECT_EQ(set.first_gap(6), std::nullopt);
}

// Against a plain array of flags.
TEST(RangeSet, RandomOperationsEqualAnArrayOfFlags) {
  std::mt19937 random(7);
  constexpr std::uint64_t kSize = 64;
  RangeSet set;
  std::vector<bool> flags(kSize, false);
  for (int step = 0; step < 20'000; ++step) {
    const std::uint64_t a = random() % (kSize + 1);
    const std::uint64_t b = random() % (kSize + 1);
    const bool add = random() % 2 == 0;
    add ? set.add({a, b}) : set.remove({a, b});
    for (std::uint64_t i = a; i < b; ++i) flags[i] = add;

    std::uint64_t total = 0;
    for (const bool flag : flags) total += flag ? 1 : 0;
    ASSERT_EQ(set.total(), total);
    std::vector<bool> seen(kSize, false);
    std::uint64_t last = 0;
    bool first = true;
    for (const auto& range : set.ranges()) {
      ASSERT_LT(range.begin, range.end);
      ASSERT_TRUE(first || range.begin > last) << "neighbours are not merged";
      first = false;
      last = range.end;
      for (auto i = range.begin; i < range.end; ++i) seen[i] = true;
    }
    ASSERT_EQ(seen, flags);
    std::uint64_t frontier = 0;
    while (frontier < kSize && flags[frontier]) ++frontier;
    ASSERT_EQ(set.frontier(), frontier);
    const auto gap = set.first_gap(kSize);
    ASSERT_EQ(gap.has_value(), frontier < kSize);
    if (gap) ASSERT_EQ(gap->begin, frontier);
  }
}

}  // namespace
}  // namespace hearth::store::fetch
