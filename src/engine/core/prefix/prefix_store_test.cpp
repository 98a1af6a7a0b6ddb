#include "engine/core/prefix/prefix_store.hpp"

#include <gtest/gtest.h>

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
  [[nodiscard]] PrefixStore store(std::uint64_t memory, std::uint64_t disk = 0) {
    PrefixCacheOptions options{.memory = {memory}, .folder = {}, .disk = {disk}, .tokens_min = 4};
    if (disk > 0) options.folder = folder_.path();
    return {options, "key", log_};
  }
  // What is held of the sequences 1, 2, ...: 'm'emory, 'd'isk, '-'.
  static std::string places(const PrefixStore& store, domain::Token last) {
    std::string out;
    for (domain::Token i = 1; i <= last; ++i) {
      const auto found = store.find(prompt(i, 100), true);
      out += found.length == 0 ? '-' : found.held ? 'm' : 'd';
    }
    return out;
  }

  Folder folder_;
  LinesLog log_;
};

TEST_F(Store, OffWithoutAPlace) {
  EXPECT_TRUE(PrefixStore({.memory = {1000}}, "", log_).enabled());
  const PrefixStore keyless({.memory = {}, .folder = folder_.path(), .disk = {1000}}, "", log_);
  EXPECT_FALSE(keyless.enabled()) << "nobody could find that again";
  EXPECT_FALSE(keyless.has_disk());
  EXPECT_FALSE(PrefixStore({}, "key", log_).enabled());
  EXPECT_TRUE(store(1000).enabled());
  EXPECT_TRUE(store(0, 1000).enabled());
}

TEST_F(Store, FindsWhatSavesMost) {
  auto all = store(100'000);
  all.keep(sequence(1, 20, 100));
  all.keep(sequence(2, 30, 100, {10, 25}));
  EXPECT_EQ(all.find(prompt(1, 100), true).length, 20);
  EXPECT_EQ(all.find(prompt(2, 12), true).length, 12);
  EXPECT_EQ(all.find(prompt(3, 100), true).length, 0);
  // What cannot be cut is used as a whole, or from a checkpoint.
  EXPECT_EQ(all.find(prompt(1, 12), false).length, 0);
  EXPECT_EQ(all.find(prompt(1, 20), false).length, 20);
  EXPECT_EQ(all.find(prompt(2, 12), false).length, 10);
  EXPECT_EQ(all.find(prompt(2, 9), false).length, 0);
  EXPECT_EQ(all.common(prompt(2, 9)), 9);
}

TEST_F(Store, ALongSequenceIsNotRestoredForALittleOfIt) {
  auto all = store(100'000);
  all.keep(sequence(1, 1000, 100));
  EXPECT_EQ(all.find(prompt(1, 20), true).length, 0);
  EXPECT_EQ(all.find(prompt(1, 100), true).length, 100);
}

TEST_F(Store, MemoryKeepsWhatWasUsedLast) {
  auto all = store(kThree);
  for (domain::Token i = 1; i <= 3; ++i) all.keep(sequence(i, 20, 1000));
  EXPECT_EQ(places(all, 4), "mmm-");
  all.touch(all.find(prompt(1, 100), true).id);
  all.keep(sequence(4, 20, 1000));
  EXPECT_EQ(places(all, 4), "m-mm");
  EXPECT_TRUE(all.covers(prompt(3, 15), true)) << "which is a use";
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
  EXPECT_TRUE(all.covers(prompt(1, 30), true));
  EXPECT_FALSE(all.covers(prompt(1, 30), false)) << "which cannot be cut out of it";
  EXPECT_TRUE(all.covers(prompt(1, 40), false));
  EXPECT_FALSE(all.covers(prompt(1, 41), true));
}

TEST_F(Store, GoesToDiskAndComesBack) {
  auto all = store(kTwo, 1 << 20);
  for (domain::Token i = 1; i <= 5; ++i) all.keep(sequence(i, 20, 1000));
  all.flush(kLong);
  all.poll();
  EXPECT_EQ(places(all, 5), "dddmm");
  EXPECT_EQ(all.evictions(), 0U);
  EXPECT_EQ(folder_.files(), 5U);
  const auto id = all.find(prompt(1, 100), true).id;
  all.fetch(id);
  all.fetch(id);
  EXPECT_TRUE(all.reading());
  while (all.reading()) {
    all.wait();
    all.poll();
  }
  EXPECT_EQ(places(all, 5), "mdddm");
  EXPECT_EQ(all.reads(), 1U);
  EXPECT_EQ(all.find(prompt(1, 100), true).held->state, std::string(1000, 's'));
}

TEST_F(Store, IsFoundAgain) {
  {
    auto first = store(100'000, 1 << 20);
    first.keep(sequence(1, 20, 1000));
    first.keep(sequence(1, 40, 1000));
    first.keep(sequence(2, 20, 1000));
    first.flush(kLong);
  }
  EXPECT_EQ(folder_.files(), 2U) << "a beginning of a longer one is none of them";
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
  EXPECT_EQ(folder_.files(), 1U);
  EXPECT_EQ(all.find(prompt(1, 100), true).length, 40);
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
  EXPECT_EQ(folder_.files(), 4U);
  one.poll();
  EXPECT_EQ(places(one, 1), "d") << "it cannot know yet";
  one.fetch(one.find(prompt(1, 100), true).id);
  while (one.reading()) {
    one.wait();
    one.poll();
  }
  EXPECT_EQ(places(one, 1), "-");
  EXPECT_EQ(log_.lines(), std::vector<std::string>{});
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
