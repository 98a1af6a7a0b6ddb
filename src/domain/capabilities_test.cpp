#include "domain/capabilities.hpp"

#include <gtest/gtest.h>

namespace hearth::domain {
namespace {

Capabilities chat_model() { return {.tasks = {Task::kChat, Task::kComplete}, .embedding_dimensions = 64}; }

ChatRequest chat_with(Part part) {
  ChatRequest r;
  r.envelope.model = "m";
  r.messages.push_back({Role::kUser, {TextPart{"look"}, std::move(part)}});
  return r;
}

TEST(CheckSupported, NamesTheFieldOfWhatIsMissing) {
  struct Case {
    Request request;
    std::string_view param;
  };
  std::vector<Case> cases;
  cases.push_back({chat_with(ImagePart{.url = "https://x/y.png"}), "messages[0].content"});
  cases.push_back({chat_with(AudioPart{}), "messages[0].content"});
  ChatRequest tools = chat_with(TextPart{});
  tools.tools.push_back({.name = "lamp"});
  cases.push_back({tools, "tools"});
  ChatRequest json = chat_with(TextPart{});
  json.response_format.kind = ResponseFormat::Kind::kJson;
  json.response_format.field = "format";
  cases.push_back({json, "format"});
  CompletionRequest suffix;
  suffix.infill = true;
  cases.push_back({suffix, "suffix"});
  cases.push_back({EmbedRequest{}, "model"});
  cases.push_back({RerankRequest{}, "model"});
  for (const auto& c : cases) {
    const auto verdict = check_supported(c.request, chat_model());
    ASSERT_FALSE(verdict) << c.param;
    EXPECT_EQ(verdict.error().code, ErrorCode::kUnsupported);
    EXPECT_EQ(verdict.error().param, c.param);
  }
  tools.tool_choice.mode = ToolChoice::Mode::kNone;
  EXPECT_TRUE(check_supported(tools, chat_model()));
  EXPECT_TRUE(check_supported(chat_with(TextPart{}), chat_model()));
}

// The tokens of a gap's prompt are not those of the text that is repeated.
TEST(CheckSupported, EchoWithLogprobsIsOfAPromptAlone) {
  CompletionRequest echo;
  echo.echo = echo.generation.logprobs = true;
  const Capabilities can{.tasks = {Task::kComplete, Task::kInfill}};
  EXPECT_TRUE(check_supported(echo, can));
  echo.infill = true;
  ASSERT_FALSE(check_supported(echo, can));
  EXPECT_EQ(check_supported(echo, can).error().param, "echo");
}

TEST(CheckSupported, Dimensions) {
  const Capabilities can{.tasks = {Task::kEmbed}, .embedding_dimensions = 64};
  EmbedRequest r;
  r.dimensions = 64;
  EXPECT_TRUE(check_supported(r, can));
  for (const int wrong : {0, -1, 65}) {
    r.dimensions = wrong;
    EXPECT_EQ(check_supported(r, can).error().param, "dimensions");
  }
}

}  // namespace
}  // namespace hearth::domain
