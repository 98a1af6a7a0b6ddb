#include "engine/core/prefix_index.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <random>

namespace hearth::engine::core {
namespace {

using Tokens = domain::Tokens;

TEST(PrefixIndex, FindsTheLongestBeginning) {
  PrefixIndex index(3);
  EXPECT_EQ(index.best(Tokens{1, 2}, false).length, 0);
  const auto a = index.acquire().value();
  index.append(a, Tokens{1, 2, 3, 4});
  const auto b = index.acquire().value();
  index.append(b, Tokens{1, 2, 9});
  EXPECT_EQ(index.best(Tokens{1, 2, 3, 7}, false).sequence, a);
  EXPECT_EQ(index.best(Tokens{1, 2, 3, 7}, false).length, 3);
  EXPECT_FALSE(index.best(Tokens{1, 2, 3, 7}, false).whole);
  EXPECT_EQ(index.best(Tokens{1, 2, 9, 7}, true).length, 0) << "it is in use";
  index.cache(b);
  const auto match = index.best(Tokens{1, 2, 9, 7}, true);
  EXPECT_EQ(match.sequence, b);
  EXPECT_TRUE(match.whole && match.cached);
  EXPECT_EQ(index.best(Tokens{5}, false).length, 0);
}

TEST(PrefixIndex, SharedCellsCountOnce) {
  PrefixIndex index(3);
  const auto a = index.acquire().value();
  index.append(a, Tokens{1, 2, 3, 4});
  const auto b = index.acquire().value();
  index.share(a, b, 3);
  index.append(b, Tokens{7, 8});
  EXPECT_EQ(index.cells_used(), 6);
  EXPECT_EQ(index.length(b), 5);
  index.cache(a);
  EXPECT_EQ(index.cells_in_use(), 5);
  index.release(b);
  EXPECT_EQ(index.cells_used(), 4);
  EXPECT_EQ(index.cells_in_use(), 0);
  index.reuse(a);
  index.trim(a, 1);
  EXPECT_EQ(index.cells_used(), 1);
  EXPECT_EQ(index.cells_in_use(), 1);
}

TEST(PrefixIndex, EvictsWhatWasUsedLongestAgo) {
  PrefixIndex index(3);
  EXPECT_FALSE(index.least_recent());
  for (int i = 0; i < 3; ++i) index.append(index.acquire().value(), Tokens{i + 1});
  EXPECT_FALSE(index.acquire());
  for (const SequenceId id : {1, 0, 2}) index.cache(id);
  EXPECT_EQ(index.least_recent(), 1);
  index.reuse(1);
  index.cache(1);
  EXPECT_EQ(index.least_recent(), 0);
  index.release(0);
  EXPECT_EQ(index.acquire(), 0);
  index.cache(0);
  EXPECT_TRUE(index.any_free()) << "an empty sequence is free, not cached";
}

// Against the plainest model: each cell is a number, used by the sequences that list it.
TEST(PrefixIndex, CellsAddUp) {
  std::mt19937 random(3);
  constexpr SequenceId kIds = 6;
  PrefixIndex index(kIds);
  enum class Use { kFree, kInUse, kCached };
  std::map<SequenceId, std::vector<int>> cells;
  std::vector<Use> use(kIds, Use::kFree);
  int next = 0;
  for (int round = 0; round < 20000; ++round) {
    const auto id = static_cast<SequenceId>(random() % kIds);
    auto& state = use[static_cast<std::size_t>(id)];
    switch (random() % 6) {
      case 0:
        if (const auto got = index.acquire()) use[static_cast<std::size_t>(*got)] = Use::kInUse;
        break;
      case 1:
        if (state != Use::kInUse) break;
        index.append(id, Tokens{1, 2});
        cells[id].insert(cells[id].end(), {next, next + 1});
        next += 2;
        break;
      case 2:
        if (state == Use::kFree) break;
        index.trim(id, static_cast<std::int32_t>(cells[id].size() / 2));
        cells[id].resize(cells[id].size() / 2);
        break;
      case 3:
        if (state == Use::kInUse) {
          index.cache(id);
          state = cells[id].empty() ? Use::kFree : Use::kCached;
        } else if (state == Use::kCached) {
          index.reuse(id);
          state = Use::kInUse;
        }
        break;
      case 4: {
        const auto from = static_cast<SequenceId>(random() % kIds);
        if (state != Use::kInUse || !cells[id].empty() || cells[from].empty()) break;
        const auto length = 1 + random() % cells[from].size();
        index.share(from, id, static_cast<std::int32_t>(length));
        cells[id].assign(cells[from].begin(), cells[from].begin() + static_cast<std::ptrdiff_t>(length));
        break;
      }
      default:
        index.release(id);
        cells[id].clear();
        state = Use::kFree;
    }
    std::map<int, bool> all;
    for (const auto& [owner, held] : cells) {
      for (const int cell : held) all[cell] = all[cell] || use[static_cast<std::size_t>(owner)] == Use::kInUse;
    }
    ASSERT_EQ(index.cells_used(), static_cast<std::int32_t>(all.size())) << round;
    ASSERT_EQ(index.cells_in_use(), std::ranges::count_if(all, [](const auto& cell) { return cell.second; })) << round;
  }
}

// Every prompt begins with the same token of many models: what only shares that with others is not used by them.
TEST(PrefixIndex, ToShareABeginningIsNoUseOfTheRest) {
  PrefixIndex index(4);
  for (const domain::Token last : {7, 8}) {
    const auto id = index.acquire().value_or(-1);
    index.append(id, domain::Tokens{1, 2, last});
    index.cache(id);
  }
  index.share(0, index.acquire().value_or(-1), 2);
  EXPECT_EQ(index.least_recent(), 0);
  EXPECT_EQ(index.cached(), (std::vector<SequenceId>{1, 0}));
}

}  // namespace
}  // namespace hearth::engine::core
