#include <gtest/gtest.h>

#include "dialect/openai/openai.hpp"
#include "dialect/testing/wrong_types.hpp"

namespace hearth::dialect::openai {
namespace {

using domain::ChatRequest;
using domain::Message;
using domain::Part;
using domain::Role;
using domain::ToolChoice;

constexpr std::string_view kBody = R"({"model":"m","keep_alive":"5m","instructions":"Be brief.","input":[
    {"role":"user","content":"hi"},
    {"type":"reasoning","id":"rs_1","summary":[],"content":[{"type":"reasoning_text","text":"Hm."}]},
    {"type":"message","id":"msg_1","status":"completed","role":"assistant",
     "content":[{"type":"output_text","text":"One moment.","annotations":[],"logprobs":[]}]},
    {"type":"function_call","id":"fc_1","call_id":"c1","name":"lamp","arguments":"{\"on\":true}","status":"completed"},
    {"type":"function_call_output","call_id":"c1","output":[{"type":"input_text","text":"4"},{"type":"input_text","text":"2"}]},
    {"role":"developer","content":[{"type":"input_text","text":"Go on."}]}],
  "tools":[{"type":"function","name":"lamp","description":"d","parameters":{"type":"object"},"strict":true}],
  "tool_choice":{"type":"function","name":"lamp"},"parallel_tool_calls":false,
  "text":{"format":{"type":"json_schema","name":"s","strict":true,"schema":{"type":"object"}}},
  "reasoning":{"effort":"low"},"max_output_tokens":7,"temperature":0.5,"top_p":0.25,"seed":3,
  "include":["message.output_text.logprobs"],"top_logprobs":2,"truncation":"auto",
  "metadata":{"a":"b"},"store":false,"background":false,"stream":true})";

ChatRequest request_of(const Result<Call>& call) {
  EXPECT_TRUE(call) << (call ? "" : call.error().message);
  return call ? std::get<ChatRequest>(call->request) : ChatRequest{};
}

ChatRequest with(std::string_view fields) {
  return request_of(parse_responses(R"({"model":"m","input":"x",)" + std::string(fields) + "}", {}));
}

std::vector<Message> messages_of(std::string_view items) {
  return request_of(parse_responses(R"({"model":"m","input":[)" + std::string(items) + "]}", {})).messages;
}

TEST(Responses, EveryFieldArrives) {
  const auto call = parse_responses(kBody, {});
  const ChatRequest r = request_of(call);
  EXPECT_TRUE(call->stream);
  EXPECT_TRUE(call->ignored.empty()) << call->ignored.front();
  const std::vector<Message> messages{
      {.role = Role::kSystem, .parts = {domain::TextPart{"Be brief."}}},
      {.role = Role::kUser, .parts = {domain::TextPart{"hi"}}},
      {.role = Role::kAssistant,
       .parts = {domain::ThinkingPart{.text = "Hm.", .signature = {}}, domain::TextPart{"One moment."},
                 domain::ToolCallPart{"c1", "lamp", R"({"on":true})"}}},
      {.role = Role::kTool, .parts = {domain::ToolResultPart{.id = "c1", .name = {}, .text = "42"}}},
      {.role = Role::kSystem, .parts = {domain::TextPart{"Go on."}}}};
  EXPECT_EQ(r.messages, messages);
  EXPECT_EQ(r.tools, (std::vector<domain::Tool>{{"lamp", "d", R"({"type":"object"})", true}}));
  EXPECT_EQ(r.tool_choice, (ToolChoice{.mode = ToolChoice::Mode::kNamed, .name = "lamp", .parallel = false}));
  EXPECT_EQ(r.response_format, (domain::ResponseFormat{.kind = domain::ResponseFormat::Kind::kJsonSchema,
                                                       .text = R"({"type":"object"})",
                                                       .name = "s",
                                                       .strict = true,
                                                       .field = "text.format"}));
  EXPECT_EQ(r.reasoning.effort, domain::Reasoning::Effort::kLow);
  EXPECT_EQ(r.generation.max_tokens, 7);
  EXPECT_TRUE(r.generation.given.has(domain::Parameter::kMaxTokens));
  EXPECT_EQ(r.generation.sampling.temperature, 0.5);
  EXPECT_EQ(r.generation.sampling.top_p, 0.25);
  EXPECT_EQ(r.generation.sampling.seed, 3U);
  EXPECT_TRUE(r.generation.logprobs && r.generation.truncate);
  EXPECT_EQ(r.generation.top_logprobs, 2);
}

TEST(Responses, EveryWrongTypeHasItsPath) {
  const testing::TypeRules rules{
      .also = {{"input", {"string"}},
               {"input[].content", {"string", "array"}},
               {"input[].arguments", {"string", "object"}},
               {"input[].output", {"string", "array"}},
               {"tool_choice", {"string"}},
               {"keep_alive", {"number"}}},
      .fraction = {"temperature", "top_p", "keep_alive"},
      .opaque = {"tools[].parameters", "text.format.schema"},
      .any = {"input[].id", "input[].status", "input[].content[].annotations", "input[].content[].logprobs"}};
  for (const auto parse : {parse_responses, parse_input_tokens}) {
    if (parse == parse_input_tokens && kBody.empty()) continue;
    testing::TypeRules here = rules;
    if (parse == parse_input_tokens) here.any.insert("stream");  // there is nothing to stream
    testing::expect_wrong_types_refused(kBody, here, [&](std::string_view body) -> std::optional<Error> {
      const auto call = parse(body, {});
      if (call) return std::nullopt;
      // A type that is a string, but none that is taken, is another kind of refusal.
      Error error = call.error();
      if (error.code == ErrorCode::kUnsupported) error.code = ErrorCode::kInvalidRequest;
      return error;
    });
  }
}

TEST(Responses, DefaultsAreOpenAis) {
  const ChatRequest r = request_of(parse_responses(R"({"model":"m","input":"x"})", {}));
  EXPECT_EQ(r.generation, domain::Generation{});
  EXPECT_EQ(r.messages, (std::vector<Message>{{.role = Role::kUser, .parts = {domain::TextPart{"x"}}}}));
  EXPECT_EQ(r.tool_choice, ToolChoice{});
}

// What was said in one turn is one message; a template knows no items.
TEST(Responses, ItemsOfOneTurnAreOneMessage) {
  constexpr std::string_view kThought = R"({"type":"reasoning","summary":[{"type":"summary_text","text":"t"}]})";
  constexpr std::string_view kSaid = R"({"role":"assistant","content":"s"})";
  constexpr std::string_view kCalled = R"({"type":"function_call","call_id":"1","name":"f","arguments":"{}"})";
  constexpr std::string_view kGave = R"({"type":"function_call_output","call_id":"1","output":"o"})";
  const struct {
    std::vector<std::string_view> items;
    std::vector<std::size_t> parts;  // of each message
  } cases[] = {{{kThought, kSaid}, {2}},
               {{kSaid, kThought}, {1, 1}},
               {{kThought, kSaid, kCalled}, {3}},
               {{kCalled, kCalled}, {2}},
               {{kSaid, kSaid}, {1, 1}},
               {{kCalled, kSaid}, {1, 1}},
               {{kCalled, kThought}, {1, 1}},
               {{kCalled, kGave, kCalled}, {1, 1, 1}},
               {{kCalled, kCalled, kGave, kGave, kThought, kSaid}, {2, 1, 1, 2}}};
  for (const auto& c : cases) {
    std::string items;
    for (const auto item : c.items) items += (items.empty() ? "" : ",") + std::string(item);
    std::vector<std::size_t> parts;
    for (const auto& message : messages_of(items)) parts.push_back(message.parts.size());
    EXPECT_EQ(parts, c.parts) << items;
  }
}

TEST(Responses, PartsOfEveryKind) {
  const auto messages = messages_of(R"({"role":"user","content":[
      {"type":"input_image","image_url":"data:;base64,aGk=","detail":"auto"},{"type":"input_image","file_id":"f1"},
      {"type":"input_file","filename":"a.txt","file_data":"aGk="},{"type":"input_file","file_url":"https://x/a.pdf"},
      {"type":"input_audio","input_audio":{"data":"aGk=","format":"wav"}}]},
      {"role":"assistant","content":[{"type":"refusal","refusal":"No."}]},
      {"type":"function_call_output","call_id":"1","output":[{"type":"input_image","image_url":"https://x/a.png"}]})");
  ASSERT_EQ(messages.size(), 3U);
  EXPECT_EQ(messages[0].parts,
            (std::vector<Part>{domain::ImagePart{.data = "hi", .media_type = {}, .url = {}},
                               domain::ImagePart{.data = {}, .media_type = {}, .url = "file-id:f1"},
                               domain::FilePart{.data = "hi", .media_type = {}, .name = "a.txt", .url = {}},
                               domain::FilePart{.data = {}, .media_type = {}, .name = {}, .url = "https://x/a.pdf"},
                               domain::AudioPart{"hi", "wav"}}));
  EXPECT_EQ(messages[1].parts, (std::vector<Part>{domain::RefusalPart{"No."}}));
  EXPECT_EQ(messages[2].parts.size(), 2U);
}

TEST(Responses, ToolChoices) {
  constexpr std::string_view kTools =
      R"("tools":[{"type":"function","name":"a"},{"type":"function","name":"b"}],"tool_choice":)";
  using enum ToolChoice::Mode;
  const struct {
    std::string_view choice;
    ToolChoice::Mode mode;
    std::size_t tools;
  } cases[] = {{R"("auto")", kAuto, 2},
               {R"("none")", kNone, 2},
               {R"("required")", kRequired, 2},
               {R"({"type":"function","name":"b"})", kNamed, 2},
               {R"({"type":"allowed_tools","mode":"required","tools":[{"type":"function","name":"b"}]})", kRequired, 1},
               {R"({"type":"allowed_tools","mode":"auto","tools":[]})", kAuto, 0}};
  for (const auto& c : cases) {
    const ChatRequest r = with(std::string(kTools) + std::string(c.choice));
    EXPECT_EQ(r.tool_choice.mode, c.mode) << c.choice;
    EXPECT_EQ(r.tools.size(), c.tools) << c.choice;
  }
}

TEST(Responses, TextFormats) {
  using enum domain::ResponseFormat::Kind;
  EXPECT_EQ(with(R"("text":{"format":{"type":"text"}})").response_format.kind, kText);
  EXPECT_EQ(with(R"("text":{"format":{"type":"json_object"}})").response_format.kind, kJson);
  EXPECT_EQ(with(R"("text":{})").response_format.kind, kText);
}

TEST(Responses, WhatIsNotHonouredIsNamed) {
  const auto call = parse_responses(
      R"({"model":"m","input":[{"role":"assistant","content":"x","phase":"commentary"},
          {"type":"reasoning","summary":[],"encrypted_content":"xyz"}],"user":"u","max_tool_calls":3,"new_field":1,
          "include":["reasoning.encrypted_content"],"reasoning":{"summary":"auto"},"text":{"verbosity":"low"}})",
      {});
  ASSERT_TRUE(call);
  const std::vector<std::string> ignored{"input[0].phase",    "input[1].encrypted_content",
                                         "include[0]",        "text.verbosity",
                                         "reasoning.summary", "user",
                                         "max_tool_calls",    "new_field"};
  EXPECT_EQ(call->ignored, ignored);
}

TEST(Responses, RefusesWhatItCannotDo) {
  const struct {
    std::string_view fields;
    std::string_view param;
    ErrorCode code;
  } cases[] = {
      {R"("input":"x","store":true)", "store", ErrorCode::kUnsupported},
      {R"("input":"x","background":true)", "background", ErrorCode::kUnsupported},
      {R"("input":"x","previous_response_id":"resp_1")", "previous_response_id", ErrorCode::kUnsupported},
      {R"("input":"x","conversation":"conv_1")", "conversation", ErrorCode::kUnsupported},
      {R"("input":"x","prompt":{"id":"pmpt_1"})", "prompt", ErrorCode::kUnsupported},
      {R"("input":"x","tools":[{"type":"web_search"}])", "tools[0].type", ErrorCode::kUnsupported},
      {R"("input":"x","tool_choice":{"type":"file_search"})", "tool_choice.type", ErrorCode::kUnsupported},
      {R"("input":[{"type":"item_reference","id":"msg_1"}])", "input[0].type", ErrorCode::kUnsupported},
      {R"("input":[{"type":"web_search_call","id":"ws_1"}])", "input[0].type", ErrorCode::kUnsupported},
      {R"("input":"x","tools":[{"name":"f"}])", "tools[0].type", ErrorCode::kInvalidRequest},
      {R"("input":"x","tool_choice":"required")", "tool_choice", ErrorCode::kInvalidRequest},
      {R"("input":"x","tool_choice":{"type":"function","name":"f"})", "tool_choice", ErrorCode::kInvalidRequest},
      {R"("input":"x","tool_choice":{"type":"allowed_tools","mode":"none","tools":[]})", "tool_choice.mode",
       ErrorCode::kInvalidRequest},
      {R"("input":"x","tool_choice":{"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"f"}]})",
       "tool_choice.tools[0].name", ErrorCode::kInvalidRequest},
      {R"("input":"x","text":{"format":{"type":"xml"}})", "text.format.type", ErrorCode::kInvalidRequest},
      {R"("input":"x","text":{"format":{"type":"json_schema","name":"s"}})", "text.format.schema",
       ErrorCode::kInvalidRequest},
      {R"("input":"x","top_logprobs":21)", "top_logprobs", ErrorCode::kInvalidRequest},
      {R"("input":"x","truncation":"never")", "truncation", ErrorCode::kInvalidRequest},
      {R"("input":"x","max_output_tokens":-1)", "max_output_tokens", ErrorCode::kInvalidRequest},
      {R"("input":"x","n":2)", "n", ErrorCode::kInvalidRequest},
      {R"("input":"x","metadata":{"a":1})", "metadata.a", ErrorCode::kInvalidRequest},
      {R"("input":[])", "input", ErrorCode::kInvalidRequest},
      {R"("instructions":"x")", "input", ErrorCode::kInvalidRequest},
      {R"("input":[{"role":"wizard","content":"x"}])", "input[0].role", ErrorCode::kInvalidRequest},
      {R"("input":[{"role":"user"}])", "input[0].content", ErrorCode::kInvalidRequest},
      {R"("input":[{"role":"user","content":[{"type":"video"}]}])", "input[0].content[0].type",
       ErrorCode::kInvalidRequest},
      {R"("input":[{"type":"function_call","name":"f","arguments":"{}"}])", "input[0].call_id",
       ErrorCode::kInvalidRequest},
  };
  for (const auto& c : cases) {
    const auto call = parse_responses(R"({"model":"m",)" + std::string(c.fields) + "}", {});
    ASSERT_FALSE(call) << c.fields;
    EXPECT_EQ(call.error().param, c.param) << c.fields;
    EXPECT_EQ(call.error().code, c.code) << call.error().message;
  }
}

}  // namespace
}  // namespace hearth::dialect::openai
