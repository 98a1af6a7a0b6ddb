#include <gtest/gtest.h>

#include "dialect/anthropic/anthropic.hpp"
#include "dialect/testing/wrong_types.hpp"

namespace hearth::dialect::anthropic {
namespace {

using domain::ChatRequest;
using testing::TypeRules;

// Every field that is read, with a value of its own.
constexpr std::string_view kMessages = R"({
  "model": "tiny", "max_tokens": 7, "keep_alive": "5m", "stream": true,
  "system": [{"type": "text", "text": "Be "}, {"type": "text", "text": "brief."}],
  "messages": [
    {"role": "user", "content": [
      {"type": "text", "text": "What?"},
      {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}},
      {"type": "image", "source": {"type": "url", "url": "https://host/a.png"}},
      {"type": "document", "title": "a", "source": {"type": "text", "media_type": "text/plain", "data": "words"}}]},
    {"role": "assistant", "content": [
      {"type": "thinking", "thinking": "Hm.", "signature": "s1"},
      {"type": "redacted_thinking", "data": "opaque"},
      {"type": "tool_use", "id": "toolu_1", "name": "lamp", "input": {"on": true}},
      {"type": "tool_use", "id": "toolu_2", "name": "lamp", "input": {}}]},
    {"role": "user", "content": [
      {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "lit"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}]},
      {"type": "tool_result", "tool_use_id": "toolu_2", "is_error": true, "content": "broken"},
      {"type": "text", "text": "Go on."}]},
    {"role": "user", "content": "Please."},
    {"role": "system", "content": "Now."}],
  "stop_sequences": ["END"], "temperature": 0.5, "top_p": 0.25, "top_k": 5,
  "tools": [{"type": "custom", "name": "lamp", "description": "d", "strict": true, "input_schema": {"b": {}, "a": {}}}],
  "tool_choice": {"type": "tool", "name": "lamp", "disable_parallel_tool_use": true},
  "thinking": {"type": "enabled", "budget_tokens": 1024, "display": "omitted"},
  "output_config": {"effort": "high", "format": {"type": "json_schema", "schema": {"type": "object"}}}
})";

ChatRequest expected_messages() {
  using namespace domain;
  ChatRequest r;
  r.envelope = {.model = "tiny", .keep_alive = std::chrono::minutes(5)};
  const ImagePart image{.data = "hi", .media_type = "image/png"};
  r.messages = {
      {Role::kSystem, {TextPart{"Be "}, TextPart{"brief."}}},
      {Role::kUser,
       {TextPart{"What?"}, image, ImagePart{.url = "https://host/a.png"},
        FilePart{.data = "words", .media_type = "text/plain", .name = "a"}}},
      {Role::kAssistant,
       {ThinkingPart{"Hm.", "s1"}, ThinkingPart{"", "opaque"}, ToolCallPart{"toolu_1", "lamp", R"({"on":true})"},
        ToolCallPart{"toolu_2", "lamp", "{}"}}},
      {Role::kTool, {ToolResultPart{.id = "toolu_1", .text = "lit"}, image}},
      {Role::kTool, {ToolResultPart{.id = "toolu_2", .text = "broken", .is_error = true}}},
      {Role::kUser, {TextPart{"Go on."}, TextPart{"Please."}}},
      {Role::kSystem, {TextPart{"Now."}}},
  };
  r.tools = {{.name = "lamp", .description = "d", .parameters = R"({"b":{},"a":{}})", .strict = true}};
  r.tool_choice = {.mode = ToolChoice::Mode::kNamed, .name = "lamp", .parallel = false};
  r.response_format = {
      .kind = ResponseFormat::Kind::kJsonSchema, .text = R"({"type":"object"})", .field = "output_config.format"};
  r.reasoning = {.effort = Reasoning::Effort::kHigh, .budget_tokens = 1024, .hidden = true};
  using enum Parameter;
  r.generation = {.given = {kTemperature, kTopK, kTopP, kMaxTokens, kStop},
                  .sampling = {.temperature = 0.5, .top_k = 5, .top_p = 0.25},
                  .stop = {"END"},
                  .max_tokens = 7};
  return r;
}

TypeRules rules() {
  return {.also = {{"system", {"string", "array"}},
                   {"messages[].content", {"string", "array"}},
                   {"messages[].content[].content", {"string", "array"}},
                   {"keep_alive", {"number"}}},
          .fraction = {"temperature", "top_p"},
          .opaque = {"tools[].input_schema", "messages[].content[].input", "output_config.format.schema"},
          .any = {"tools[].type"}};  // a word other than "custom" names a tool of Anthropic's own
}

auto parser(Result<Call> (*parse)(std::string_view, const Edge&)) {
  return [parse](std::string_view body) -> std::optional<Error> {
    const auto call = parse(body, {});
    if (call) return std::nullopt;
    return call.error();
  };
}

TEST(Messages, EveryFieldArrives) {
  const auto call = parse_messages(kMessages, {});
  ASSERT_TRUE(call) << call.error().message;
  EXPECT_EQ(std::get<ChatRequest>(call->request), expected_messages());
  EXPECT_TRUE(call->stream);
  EXPECT_EQ(call->ignored, (std::vector<std::string>{}));
}

TEST(Messages, EveryWrongTypeHasItsPath) {
  testing::expect_wrong_types_refused(kMessages, rules(), parser(parse_messages));
}

TEST(CountTokens, IsTheSameChat) {
  const auto call = parse_count_tokens(kMessages, {});
  ASSERT_TRUE(call);
  ChatRequest expected = expected_messages();
  expected.generation.max_tokens.reset();
  EXPECT_EQ(std::get<domain::RenderRequest>(call->request).chat, expected);
  EXPECT_EQ(call->ignored, (std::vector<std::string>{"max_tokens", "stream"}));
}

struct Choice {
  std::string_view fields;
  domain::ToolChoice::Mode mode;
};
TEST(ToolChoice, Table) {
  using enum domain::ToolChoice::Mode;
  const Choice cases[] = {{R"({"type":"auto"})", kAuto},
                          {R"({"type":"any"})", kRequired},
                          {R"({"type":"none"})", kNone},
                          {R"({"type":"tool","name":"f"})", kNamed}};
  for (const auto& c : cases) {
    const auto call = parse_messages(R"({"model":"m","max_tokens":1,"messages":[{"role":"user","content":"x"}],
        "tools":[{"name":"f","input_schema":{}}],"tool_choice":)" +
                                         std::string(c.fields) + "}",
                                     {});
    ASSERT_TRUE(call) << call.error().message;
    EXPECT_EQ(std::get<ChatRequest>(call->request).tool_choice.mode, c.mode);
    EXPECT_TRUE(std::get<ChatRequest>(call->request).tool_choice.parallel);
  }
}

struct Refusal {
  std::string_view fields;
  std::string_view param;
};
TEST(Messages, RefusesWhatMeansNothing) {
  const Refusal cases[] = {
      {R"("temperature":1.01)", "temperature"},
      {R"("top_k":-1)", "top_k"},
      {R"("stop_sequences":["a",""])", "stop_sequences[1]"},
      {R"("stop_sequences":["\n\t"])", "stop_sequences[0]"},
      {R"("tool_choice":{"type":"any"})", "tool_choice.type"},
      {R"("tool_choice":{"type":"tool","name":"f"})", "tool_choice.name"},
      {R"("tool_choice":{"type":"maybe"})", "tool_choice.type"},
      {R"("thinking":{"type":"maybe"})", "thinking.type"},
      {R"("tools":[{"name":"f"}])", "tools[0].input_schema"},
      {R"("output_config":{"effort":"huge"})", "output_config.effort"},
      {R"("output_config":{"format":{"type":"xml"}})", "output_config.format.type"},
      {R"("system":[{"type":"image","source":{"type":"url","url":"https://h/a"}}])", "system"},
  };
  for (const auto& c : cases) {
    const std::string body =
        R"({"model":"m","max_tokens":1,"messages":[{"role":"user","content":"x"}],)" + std::string(c.fields) + "}";
    const auto call = parse_messages(body, {});
    ASSERT_FALSE(call) << c.fields;
    EXPECT_EQ(call.error().param, c.param) << c.fields;
  }
  const Refusal messages[] = {
      {"[]", "messages"},
      {R"([{"role":"user"}])", "messages[0].content"},
      {R"([{"role":"tool","content":"x"}])", "messages[0].role"},
      {R"([{"role":"user","content":[{"type":"poem"}]}])", "messages[0].content[0].type"},
      {R"([{"role":"user","content":[{"type":"image"}]}])", "messages[0].content[0].source"},
      {R"([{"role":"user","content":[{"type":"image","source":{"type":"text","data":"x"}}]}])",
       "messages[0].content[0].source.type"},
      {R"([{"role":"user","content":[{"type":"tool_result","content":"x"}]}])", "messages[0].content[0].tool_use_id"},
  };
  for (const auto& c : messages) {
    const auto call = parse_messages(R"({"model":"m","max_tokens":1,"messages":)" + std::string(c.fields) + "}", {});
    ASSERT_FALSE(call) << c.fields;
    EXPECT_EQ(call.error().param, c.param) << c.fields;
  }
}

}  // namespace
}  // namespace hearth::dialect::anthropic
