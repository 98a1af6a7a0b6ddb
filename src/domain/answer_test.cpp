#include "domain/answer.hpp"

#include <gtest/gtest.h>

namespace hearth::domain {
namespace {

Result<Answer> fold(std::vector<Event> events) {
  AnswerBuilder builder;
  for (auto& event : events) HEARTH_CHECK(builder.add(std::move(event)));
  return std::move(builder).take();
}

TEST(AnswerBuilder, FoldsChoicesAndBlocks) {
  const auto answer = fold(
      {Started{.model = "m", .prompt_tokens = 3}, BlockOpened{.choice = 1, .index = 0},
       BlockOpened{.choice = 0, .index = 0, .kind = BlockKind::kThinking}, Delta{.choice = 0, .index = 0, .text = "hm"},
       Delta{.choice = 1, .index = 0, .text = "x"}, BlockClosed{.choice = 0, .index = 0, .signature = "s"},
       BlockOpened{.choice = 0, .index = 1}, Delta{.choice = 0, .index = 1, .text = "a"},
       Delta{.choice = 0, .index = 1, .text = "b"}, ChoiceFinished{.choice = 1, .reason = FinishReason::kLength},
       ChoiceFinished{.choice = 0}, Finished{.usage = {.prompt = 3, .completion = 4}}});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->choices.size(), 2U);
  EXPECT_EQ(answer->choices[0].text(), "ab");
  EXPECT_EQ(answer->choices[0].thinking(), "hm");
  EXPECT_EQ(answer->choices[0].blocks[0].signature, "s");
  EXPECT_EQ(answer->choices[1].reason, FinishReason::kLength);
  EXPECT_EQ(answer->usage.completion, 4);
}

TEST(AnswerBuilder, RefusesBrokenStreams) {
  const Error boom{.code = ErrorCode::kBackendCrashed, .message = "boom"};
  EXPECT_EQ(fold({Started{}, Failed{boom}}).error(), boom);
  EXPECT_EQ(fold({Started{}}).error().code, ErrorCode::kStreamCut);
  const std::vector<std::vector<Event>> broken{
      {Delta{}},
      {BlockOpened{.index = 1}},
      {BlockOpened{.choice = -1}},
      {BlockOpened{.choice = 1 << 30}},
      {BlockOpened{}, Finished{}},
      {ChoiceFinished{}, ChoiceFinished{}},
      {Finished{}, Finished{}},
      {BlockClosed{}},
  };
  for (const auto& events : broken) EXPECT_EQ(fold(events).error().code, ErrorCode::kBackendError);
}

}  // namespace
}  // namespace hearth::domain
