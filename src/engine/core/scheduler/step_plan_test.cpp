#include "engine/core/scheduler/step_plan.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <numeric>
#include <random>

namespace hearth::engine::core {

void PrintTo(const Share& share, std::ostream* out) { *out << share.index << ":" << share.tokens; }

namespace {

TEST(StepPlan, Table) {
  struct Case {
    const char* name;
    std::vector<std::int32_t> remaining;
    StepLimits limits;
    std::vector<Share> expected;
  };
  const std::vector<Case> cases{
      {"nothing", {}, {}, {}},
      {"one decodes", {1}, {}, {{0, 1}}},
      {"a whole prompt", {100}, {}, {{0, 100}}},
      {"a chunk of a long prompt", {1000}, {.step_tokens = 64}, {{0, 64}}},
      {"decodes before prompts", {40, 1, 1}, {.step_tokens = 32}, {{1, 1}, {2, 1}, {0, 30}}},
      {"half for the oldest prompt", {20, 20, 20}, {.step_tokens = 32}, {{0, 16}, {1, 16}}},
      {"half for what is done soonest", {900, 40, 10}, {.step_tokens = 64}, {{0, 32}, {2, 10}, {1, 22}}},
      {"what others leave is the oldest's", {900, 10}, {.step_tokens = 64}, {{0, 54}, {1, 10}}},
      {"an old prompt that needs little", {4, 900}, {.step_tokens = 64}, {{0, 4}, {1, 60}}},
      {"prompts get the minimum", {1, 1, 50}, {.step_tokens = 2}, {{0, 1}, {1, 1}, {2, kPrefillTokensMin}}},
      {"never above the batch", {1, 1, 50}, {.step_tokens = 100, .batch_tokens = 10}, {{0, 1}, {1, 1}, {2, 8}}},
      {"a full batch of decodes takes turns", {1, 1, 1}, {.batch_tokens = 2, .first = 2}, {{2, 1}, {0, 1}}},
      {"cells are short", {1, 50}, {.prefill_tokens = 5}, {{0, 1}, {1, 5}}},
      {"no cell for prompts", {1, 50}, {.prefill_tokens = 0}, {{0, 1}}},
  };
  std::vector<Share> out;
  for (const auto& c : cases) {
    plan_step(c.remaining, c.limits, out);
    EXPECT_EQ(out, c.expected) << c.name;
  }
}

TEST(StepPlan, Invariants) {
  std::mt19937 random(7);
  std::vector<Share> out;
  for (int round = 0; round < 5000; ++round) {
    std::vector<std::int32_t> remaining(random() % 20);
    for (auto& r : remaining) r = random() % 2 == 0 ? 1 : static_cast<std::int32_t>(1 + random() % 200);
    const StepLimits limits{.step_tokens = static_cast<std::int32_t>(1 + random() % 100),
                            .batch_tokens = static_cast<std::int32_t>(1 + random() % 100),
                            .first = remaining.empty() ? 0 : random() % remaining.size()};
    plan_step(remaining, limits, out);
    std::int32_t total = 0;
    std::vector<int> seen(remaining.size());
    for (const Share& share : out) {
      ASSERT_GE(share.tokens, 1);
      ASSERT_LE(share.tokens, remaining[share.index]);
      ASSERT_EQ(++seen[share.index], 1);
      total += share.tokens;
    }
    ASSERT_LE(total, limits.batch_tokens);
    ASSERT_EQ(out.empty(), remaining.empty());
    const auto decoding = std::ranges::count(remaining, 1);
    if (decoding <= limits.batch_tokens) {
      for (std::size_t i = 0; i < remaining.size(); ++i)
        ASSERT_TRUE(remaining[i] > 1 || seen[i] == 1) << "a stream was left out";
    }
  }
}

}  // namespace
}  // namespace hearth::engine::core
