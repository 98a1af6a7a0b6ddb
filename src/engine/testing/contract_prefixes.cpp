// Prefixes that the KV cache has no room for: in memory, on disk, and for models that cannot be cut back.
#include <filesystem>
#include <fmt/format.h>
#include <fstream>

#include "engine/core/prefix/test_folder.hpp"
#include "engine/testing/contract.hpp"

namespace hearth::engine::testing {

void detail::link_prefixes() {}

namespace {

namespace fs = std::filesystem;
using base::operator""_MiB;
using core::test_support::Folder;

core::TokenEngineOptions options(core::PrefixCacheOptions cache) {
  cache.tokens_min = 8;
  return {.parallel = 1, .step_tokens = 64, .prefix_cache = std::move(cache)};
}

std::string story(int which) {
  std::string out = fmt::format("{} is a story about ", which);
  for (int i = 0; i < 6; ++i) out += fmt::format("a small number {} and ", which * 7 + i);
  return out + "then the end came soon.";
}

// Others than `story(0)`, more than any engine of the suite keeps in its KV cache.
constexpr int kOthers = 40;
// What templates may change at a prompt's end is evaluated again where nothing can be cut.
constexpr std::int32_t kNearEnd = 17;

std::int32_t tokens_of(const Engine& engine, const std::string& text) {
  return static_cast<std::int32_t>(
      engine.tokenize({.text = text, .add_special = true, .parse_special = true})->tokens.size());
}

TEST_P(EngineContract, PromptsThatWerePushedOutAreRestored) {
  const std::string changed = story(0) + " But it went on.";
  make(options({}));
  const auto expected = answer(completion(changed, 6)).choices.at(0).text();
  make(options({.memory = 256_MiB}));
  const auto known = tokens_of(*engine_, story(0));
  (void)answer_of(submit_and_run(completion(story(0), 4)));
  for (int i = 1; i <= kOthers; ++i) (void)answer_of(submit_and_run(completion(story(i), 2)));
  const auto before = engine_->stats();
  EXPECT_GT(before.prefix_saves, 0U);
  EXPECT_GT(before.prefix_memory_bytes, 0U);
  const auto again = answer_of(submit_and_run(completion(changed, 6)));
  EXPECT_GE(again.usage.cached, known - kNearEnd);
  EXPECT_LE(again.usage.cached, known);
  EXPECT_GT(engine_->stats().prefix_restores, before.prefix_restores);
  EXPECT_EQ(engine_->stats().prefix_hits, before.prefix_hits + 1);
  if (exact()) EXPECT_EQ(again.choices.at(0).text(), expected);
}

TEST_P(EngineContract, WithoutMemoryNothingIsKeptOutsideTheKvCache) {
  make(options({}));
  (void)answer_of(submit_and_run(completion(story(0), 4)));
  for (int i = 1; i <= kOthers; ++i) (void)answer_of(submit_and_run(completion(story(i), 2)));
  EXPECT_LT(answer_of(submit_and_run(completion(story(0), 4))).usage.cached, tokens_of(*engine_, story(0)) / 2);
  const auto stats = engine_->stats();
  EXPECT_EQ(stats.prefix_saves + stats.prefix_restores + stats.prefix_memory_bytes + stats.prefix_evictions, 0U);
}

TEST_P(EngineContract, KeptPrefixesAreBounded) {
  make(options({.memory = 256_MiB}));
  for (int i = 0; i < kOthers; ++i) (void)answer_of(submit_and_run(completion(story(i), 2)));
  const auto stats = engine_->stats();
  ASSERT_GT(stats.prefix_memory_bytes, 0U);
  EXPECT_EQ(stats.prefix_evictions, 0U);
  const base::Bytes most{stats.prefix_memory_bytes / 2};
  make(options({.memory = most}));
  for (int i = 0; i < kOthers; ++i) {
    (void)answer_of(submit_and_run(completion(story(i), 2)));
    ASSERT_LE(engine_->stats().prefix_memory_bytes, most.count);
  }
  EXPECT_GT(engine_->stats().prefix_evictions, 0U);
}

TEST_P(EngineContract, TheDiskKeepsPrefixesBeyondTheEngine) {
  const Folder folder;
  const auto on_disk = options({.memory = 256_MiB, .folder = folder.path(), .disk = 256_MiB});
  const std::string changed = story(0) + " But it went on.";
  make(options({}));
  const auto expected = answer(completion(changed, 6)).choices.at(0).text();
  make(on_disk);
  for (int i = 0; i < 3; ++i) (void)answer_of(submit_and_run(completion(story(i), 4)));
  engine_->shut_down();
  EXPECT_EQ(folder.files().size(), 3U);
  make(on_disk);
  EXPECT_GT(engine_->stats().prefix_disk_bytes, 0U);
  const auto again = answer_of(submit_and_run(completion(changed, 6)));
  EXPECT_GE(again.usage.cached, tokens_of(*engine_, story(0)) - kNearEnd);
  EXPECT_EQ(engine_->stats().prefix_reads, 1U);
  if (exact()) EXPECT_EQ(again.choices.at(0).text(), expected);
}

// From memory to disk when memory is full, and back.
TEST_P(EngineContract, TheDiskTakesWhatMemoryHasNoRoomFor) {
  const Folder folder;
  make(options({.memory = base::Bytes{1}, .folder = folder.path(), .disk = 256_MiB}));
  for (int i = 0; i < kOthers; ++i) (void)answer_of(submit_and_run(completion(story(i), 4)));
  engine_->shut_down();
  EXPECT_EQ(engine_->stats().prefix_evictions, 0U);
  EXPECT_EQ(folder.files().size(), static_cast<std::size_t>(kOthers));
}

TEST_P(EngineContract, ADamagedFileIsDeletedAndTheAnswerIsTheSame) {
  const Folder folder;
  const auto on_disk = options({.memory = 256_MiB, .folder = folder.path(), .disk = 256_MiB});
  make(on_disk);
  const auto first = answer_of(submit_and_run(completion(story(0), 4)));
  engine_->shut_down();
  ASSERT_EQ(folder.files().size(), 1U);
  const auto file = folder.files().front();
  const auto size = fs::file_size(file);
  std::fstream(file, std::ios::in | std::ios::out | std::ios::binary)
      .seekp(static_cast<std::streamoff>(size - 3))
      .put('?')
      .put('!');
  make(on_disk);
  const auto again = answer_of(submit_and_run(completion(story(0), 4)));
  EXPECT_EQ(again.usage.cached, 0);
  EXPECT_EQ(again.choices.at(0).text(), first.choices.at(0).text());
  EXPECT_FALSE(fs::exists(file));
  EXPECT_EQ(engine_->stats().prefix_disk_bytes, 0U);
}

// The last turn differs: no state is of use that is not older than that.
TEST_P(EngineContract, ChangedLastTurnsFindTheTurnsBefore) {
  const std::string one = story(0) + " Q: why?";
  const std::string two = story(0) + " Q: how?";
  make(options({}));
  const auto expected = answer(completion(two, 6)).choices.at(0).text();
  make(options({.memory = 256_MiB}));
  (void)answer_of(submit_and_run(completion(one, 6)));
  const auto second = answer_of(submit_and_run(completion(two, 6)));
  EXPECT_GE(second.usage.cached, tokens_of(*engine_, one) - kNearEnd);
  if (exact()) EXPECT_EQ(second.choices.at(0).text(), expected);
  // And the first one again, from where it was put aside.
  const auto first = answer_of(submit_and_run(completion(one, 6)));
  EXPECT_GE(first.usage.cached, tokens_of(*engine_, one) - kNearEnd);
}

// Where two prompts depart from each other, a third will.
TEST_P(EngineContract, WhatPromptsHaveInCommonIsEvaluatedTwiceAtMost) {
  const auto prompt = [](int i) {
    return story(0) + fmt::format(" {} and now {} of them went home alone.", 50 + i, 80 + i);
  };
  make(options({.memory = 256_MiB}));
  for (int i = 0; i < 2; ++i) (void)answer_of(submit_and_run(completion(prompt(i), 2)));
  EXPECT_GE(answer_of(submit_and_run(completion(prompt(2), 2))).usage.cached, tokens_of(*engine_, story(0)) - 2);
}

}  // namespace
}  // namespace hearth::engine::testing
