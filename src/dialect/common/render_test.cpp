#include "dialect/common/render.hpp"

#include <gtest/gtest.h>
#include <limits>

namespace hearth::dialect::common {
namespace {

TEST(ToolId, IsTheEnginesOrMadeFromTheAnswers) {
  const Edge edge{.id = "k3"};
  EXPECT_EQ(tool_id("call_9", "call_", edge, 0, 1), "call_9");
  EXPECT_EQ(tool_id("", "call_", edge, 0, 1), "call_k3_0_1");
  EXPECT_NE(tool_id("", "call_", edge, 1, 0), tool_id("", "call_", edge, 0, 1));
}

TEST(Logprobs, MinusInfinityStaysANumber) {
  json::Writer w;
  const domain::TokenLogprob token{.text = "a", .logprob = -std::numeric_limits<double>::infinity()};
  write_logprobs(w, std::span(&token, 1));
  EXPECT_EQ(w.text(), R"([{"token":"a","logprob":-9999,"bytes":[97],"top_logprobs":[]}])");
}

TEST(Usage, TotalDoesNotOverflow) {
  constexpr std::int32_t kMax = std::numeric_limits<std::int32_t>::max();
  EXPECT_EQ(total_tokens({.prompt = kMax, .completion = kMax}), 2LL * kMax);
}

TEST(Edge, WithoutAClockIsHarmless) {
  EXPECT_EQ(wall({}), base::WallTime{});
  EXPECT_EQ(steady({}), base::SteadyTime{});
}

TEST(Embeddings, AreOrderedByInput) {
  const std::vector<domain::Embedded> given{{.index = 2}, {.index = 0}, {.index = 1}};
  const auto order = in_order(given);
  for (std::int32_t i = 0; i < 3; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)]->index, i);
}

}  // namespace
}  // namespace hearth::dialect::common
