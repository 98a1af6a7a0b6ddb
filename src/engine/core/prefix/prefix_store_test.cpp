#include "engine/core/prefix/prefix_store.hpp"

#include <gtest/gtest.h>
#include <semaphore>

#include "base/files.hpp"
#include "engine/core/prefix/prefix_test_support.hpp"

namespace hearth::engine::core {
namespace {

using namespace test_support;

constexpr std::chrono::milliseconds kLong{60'000};
// Room for so many of 20 tokens with a state of 1000 bytes.
constexpr std::uint64_t kTwo = 2160;
constexpr std::uint64_t kThree = 3240;
constexpr std::uint64_t kFourFiles = 4800;

domain::Tokens prompt(domain::Token first, std::size_t count) { return sequence(first, count, 0).tokens; }

class Store : public ::testing::Test {
 protected:
  [[nodiscard]] PrefixCacheOptions options(std::uint64_t memory, std::uint64_t disk) const {
    PrefixCacheOptions out{.memory = {memory}, .folder = {}, .disk = {disk}, .tokens_min = 4};
    if (disk > 0) out.folder = folder_.path();
    return out;
  }
  [[nodiscard]] PrefixStore store(std::uint64_t memory, std::uint64_t disk = 0) {
    return {options(memory, disk), {.key = "key"}, log_, [this] { done_.release(); }};
  }
  // Of a model that cannot be cut back.
  [[nodiscard]] PrefixStore uncuttable(std::uint64_t memory, std::uint64_t disk = 0) {
    return {options(memory, disk), {.key = "key", .cuttable = false}, log_, [this] { done_.release(); }};
  }
  // Until nothing is being read.
  void read_all(PrefixStore& store) {
    while (store.reading()) {
      done_.acquire();
      store.poll();
    }
  }
  static void settle(PrefixStore& store) {
    for (int i = 0; i < 2; ++i) {  // what is written may let others go
      store.flush(kLong);
      store.poll();
    }
  }
  // What is held of the sequences 1, 2, ...: 'm'emory, 'd'isk, '-'.
  static std::string places(const PrefixStore& store, domain::Token last) {
    std::string out;
    for (domain::Token i = 1; i <= last; ++i) {
      const auto found = store.find(prompt(i, 100));
      out += found.length == 0 ? '-' : found.held ? 'm' : 'd';
    }
    return out;
  }

  Folder folder_;
  LinesLog log_;
  std::counting_semaphore<> done_{0};
};

TEST_F(Store, OffWithoutAPlace) {
  EXPECT_TRUE(PrefixStore({.memory = {1000}}, {}, log_).enabled());
  const PrefixStore keyless({.memory = {}, .folder = folder_.path(), .disk = {1000}}, {}, log_);
  EXPECT_FALSE(keyless.enabled()) << "nobody could find that again";
  EXPECT_FALSE(keyless.has_disk());
  EXPECT_FALSE(PrefixStore({}, {.key = "key"}, log_).enabled());
  EXPECT_TRUE(store(1000).enabled());
  EXPECT_TRUE(store(0, 1000).enabled());
}

TEST_F(Store, FindsWhatSavesMost) {
  auto all = store(100'000);
  all.keep(sequence(1, 20, 100));
  all.keep(sequence(2, 30, 100, {10, 25}));
  EXPECT_EQ(all.find(prompt(1, 100)).length, 20);
  EXPECT_EQ(all.find(prompt(2, 12)).length, 12);
  EXPECT_EQ(all.find(prompt(3, 100)).length, 0);
}

TEST_F(Store, WhatCannotBeCutIsUsedAsAWholeOrFromACheckpoint) {
  auto all = uncuttable(100'000);
  all.keep(sequence(1, 20, 100));
  all.keep(sequence(2, 30, 100, {10, 25}));
  EXPECT_EQ(all.find(prompt(1, 12)).length, 0);
  EXPECT_EQ(all.find(prompt(1, 20)).length, 20);
  EXPECT_EQ(all.find(prompt(2, 12)).length, 10);
  EXPECT_EQ(all.find(prompt(2, 9)).length, 0);
  EXPECT_EQ(all.common(prompt(2, 9)), 9);
}

TEST_F(Store, ALongSequenceIsNotRestoredForALittleOfIt) {
  auto all = store(100'000);
  all.keep(sequence(1, 1000, 100));
  EXPECT_EQ(all.find(prompt(1, 20)).length, 0);
  EXPECT_EQ(all.find(prompt(1, 100)).length, 100);
}

TEST_F(Store, MemoryKeepsWhatWasUsedLast) {
  auto all = store(kThree);
  for (domain::Token i = 1; i <= 3; ++i) all.keep(sequence(i, 20, 1000));
  EXPECT_EQ(places(all, 4), "mmm-");
  all.use(all.find(prompt(1, 100)).id);
  all.keep(sequence(4, 20, 1000));
  EXPECT_EQ(places(all, 4), "m-mm");
  EXPECT_TRUE(all.covers(prompt(3, 15))) << "which is a use";
  all.set_aside(1500);
  EXPECT_EQ(places(all, 4), "--m-");
  EXPECT_EQ(all.evictions(), 3U);
  EXPECT_LE(all.memory_bytes(), kThree);
}

TEST_F(Store, ALongerSequenceTakesThePlaceOfItsBeginnings) {
  auto all = store(100'000);
  all.keep(sequence(1, 20, 1000));
  all.keep(sequence(1, 40, 2000));
  EXPECT_EQ(all.memory_bytes(), 2000U + 160);
  EXPECT_TRUE(all.covers(prompt(1, 30)));
  EXPECT_TRUE(all.covers(prompt(1, 40)));
  EXPECT_FALSE(all.covers(prompt(1, 41)));
}

TEST_F(Store, OneThatCannotBeCutTakesThePlaceOfWhatItsCheckpointsHave) {
  auto all = uncuttable(100'000);
  all.keep(sequence(1, 20, 1000));
  all.keep(sequence(1, 30, 1000));
  EXPECT_EQ(all.sequences(), 2U) << "20 tokens cannot be cut out of 30";
  all.keep(sequence(1, 50, 1000, {10, 27}));
  EXPECT_EQ(all.sequences(), 2U) << "27 of 30 are as good, 10 of 20 are not";
  EXPECT_EQ(all.find(prompt(1, 22)).length, 20);
  EXPECT_EQ(all.find(prompt(1, 35)).length, 27);
  EXPECT_FALSE(all.covers(prompt(1, 30)));
  EXPECT_TRUE(all.covers(prompt(1, 50)));
}

// A conversation that goes on does not push out others.
TEST_F(Store, TheEarlierTurnsOfWhatCannotBeCutGoFirst) {
  auto all = uncuttable(kThree);
  all.keep(sequence(1, 20, 1000));
  all.keep(sequence(2, 20, 1000));
  all.keep(sequence(2, 21, 996));
  EXPECT_EQ(all.sequences(), 3U);
  all.keep(sequence(3, 20, 1000));
  EXPECT_EQ(all.find(prompt(2, 20)).length, 0);
  EXPECT_EQ(places(all, 3), "mmm");
}

TEST_F(Store, EarlierTurnsToWhichSomebodyCameBackStay) {
  auto all = uncuttable(kThree);
  all.keep(sequence(1, 20, 1000));
  all.keep(sequence(2, 20, 1000));
  all.use(all.find(prompt(2, 20)).id);
  all.keep(sequence(2, 21, 996));
  all.keep(sequence(3, 20, 1000));
  EXPECT_EQ(all.find(prompt(2, 20)).length, 20);
  EXPECT_EQ(places(all, 3), "-mm");
}

TEST_F(Store, TheNumberIsBounded) {
  auto few = options(100'000, 1 << 20);
  few.sequences_max = 3;
  PrefixStore all(few, {.key = "key"}, log_);
  for (domain::Token i = 1; i <= 3; ++i) all.keep(sequence(i, 20, 100));
  settle(all);
  EXPECT_EQ(folder_.files().size(), 3U);
  all.use(all.find(prompt(1, 20)).id);
  all.keep(sequence(4, 20, 100));
  EXPECT_EQ(places(all, 4), "m-mm");
  EXPECT_EQ(all.evictions(), 1U);
  settle(all);
  EXPECT_EQ(folder_.files().size(), 3U);
  // And what is found of others.
  few.sequences_max = 2;
  PrefixStore fewer(few, {.key = "key"}, log_);
  EXPECT_EQ(fewer.sequences(), 2U);
}

TEST_F(Store, WhatIsKnownOfThemIsBounded) {
  auto few = options(100'000, 0);
  few.tokens_max = 100;
  PrefixStore all(few, {.key = "key"}, log_);
  all.keep(sequence(1, 60, 100));
  all.keep(sequence(2, 60, 100));
  EXPECT_EQ(places(all, 2), "-m");
}

TEST_F(Store, GoesToDiskAndComesBack) {
  auto all = store(kTwo, 1 << 20);
  for (domain::Token i = 1; i <= 5; ++i) all.keep(sequence(i, 20, 1000));
  all.flush(kLong);
  all.poll();
  EXPECT_EQ(places(all, 5), "dddmm");
  EXPECT_EQ(all.evictions(), 0U);
  EXPECT_EQ(folder_.files().size(), 5U);
  const auto id = all.find(prompt(1, 100)).id;
  {
    const auto pin = all.fetch(id);
    EXPECT_EQ(all.fetch(id), pin);
    EXPECT_TRUE(all.reading());
    read_all(all);
  }
  EXPECT_EQ(places(all, 5), "mdddm");
  EXPECT_EQ(all.reads(), 1U);
  EXPECT_EQ(all.find(prompt(1, 100)).held->state, std::string(1000, 's'));
}

TEST_F(Store, IsFoundAgain) {
  {
    auto first = store(100'000, 1 << 20);
    first.keep(sequence(1, 20, 1000));
    first.keep(sequence(1, 40, 1000));
    first.keep(sequence(2, 20, 1000));
    first.flush(kLong);
  }
  EXPECT_EQ(folder_.files().size(), 2U) << "a beginning of a longer one is none of them";
  auto second = store(100'000, 1 << 20);
  EXPECT_EQ(places(second, 3), "dd-");
  EXPECT_GT(second.disk_bytes(), 2000U);
}

TEST_F(Store, FilesOfALongerSequenceReplaceThoseOfItsBeginnings) {
  auto all = store(1, 1 << 20);
  all.keep(sequence(1, 20, 1000));
  all.flush(kLong);
  all.poll();
  all.keep(sequence(1, 40, 1000));
  all.flush(kLong);
  all.poll();
  all.flush(kLong);
  EXPECT_EQ(folder_.files().size(), 1U);
  EXPECT_EQ(all.find(prompt(1, 100)).length, 40);
}

// Several runners of one model in one folder.
TEST_F(Store, LearnsWhatOthersWriteAndTakeAway) {
  auto one = store(1, kFourFiles);
  auto two = store(1, kFourFiles);
  one.keep(sequence(1, 20, 1000));
  one.flush(kLong);
  two.keep(sequence(2, 20, 1000));
  two.flush(kLong);
  two.poll();
  EXPECT_EQ(places(two, 2), "dd");
  for (domain::Token i = 3; i <= 5; ++i) {
    two.keep(sequence(i, 20, 1000));
    two.flush(kLong);
  }
  two.poll();
  EXPECT_EQ(places(two, 5), "-dddd");
  EXPECT_EQ(folder_.files().size(), 4U);
  one.poll();
  EXPECT_EQ(places(one, 1), "d") << "it cannot know yet";
  const auto pin = one.fetch(one.find(prompt(1, 100)).id);
  read_all(one);
  EXPECT_EQ(places(one, 1), "-");
  EXPECT_EQ(log_.lines(), std::vector<std::string>{});
}

// Both have the same conversation, and one learns of the other's file before it writes its own.
TEST_F(Store, WhatTwoHaveWrittenIsOneFileAndStays) {
  auto one = store(100'000, 1 << 20);
  auto two = store(100'000, 1 << 20);
  two.keep(sequence(1, 20, 1000));
  settle(two);
  one.keep(sequence(1, 20, 1000));
  one.keep(sequence(2, 20, 1000));  // is written first, as the one used last
  settle(one);
  EXPECT_EQ(one.sequences(), 2U);
  EXPECT_EQ(folder_.files().size(), 2U);
  EXPECT_EQ(one.disk_bytes(), one.memory_bytes()) << "both are on disk";
  // Again, with what was found before it is kept.
  settle(two);
  two.keep(sequence(3, 20, 1000));
  settle(two);
  two.keep(sequence(2, 20, 1000));
  settle(two);
  EXPECT_EQ(folder_.files().size(), 3U);
  EXPECT_EQ(two.sequences(), 3U);
  EXPECT_EQ(log_.lines(), std::vector<std::string>{});
}

TEST_F(Store, WhatWasReadStaysUntilItIsUsed) {
  auto all = store(1, 1 << 20);
  for (domain::Token i = 1; i <= 3; ++i) all.keep(sequence(i, 20, 1000));
  settle(all);
  EXPECT_EQ(places(all, 3), "ddd");
  auto first = all.fetch(all.find(prompt(1, 100)).id);
  const auto second = all.fetch(all.find(prompt(2, 100)).id);
  EXPECT_EQ(all.pinned(), 2U);
  read_all(all);
  all.keep(sequence(4, 20, 1000));
  settle(all);
  all.set_aside(500);
  EXPECT_EQ(places(all, 4), "mmdd");
  first.reset();
  EXPECT_EQ(all.pinned(), 1U);
  all.set_aside(500);
  EXPECT_EQ(places(all, 4), "dmdd");
}

TEST_F(Store, WhatCannotBeRestoredHereIsLeftToOthers) {
  auto all = store(100'000, 1 << 20);
  all.keep(sequence(1, 20, 1000));
  settle(all);
  all.forget(all.find(prompt(1, 100)).id);
  settle(all);
  EXPECT_EQ(places(all, 1), "-");
  EXPECT_EQ(all.disk_bytes() + all.memory_bytes(), 0U);
  EXPECT_EQ(places(store(100'000, 1 << 20), 1), "d");
}

TEST_F(Store, MemoryGoesOnWhereTheDiskCannot) {
  ASSERT_TRUE(base::replace_file(folder_.path(), "a file where the folder should be"));
  auto all = store(kTwo, 1 << 20);
  for (domain::Token i = 1; i <= 5; ++i) {
    all.keep(sequence(i, 20, 1000));
    all.flush(kLong);
    all.poll();
  }
  EXPECT_EQ(places(all, 5), "---mm");
  EXPECT_EQ(all.evictions(), 3U);
  EXPECT_EQ(log_.lines().size(), 1U);
}

}  // namespace
}  // namespace hearth::engine::core
