#include <gtest/gtest.h>
#include <random>

#include "dialect/ollama/ollama.hpp"
#include "dialect/testing/clock.hpp"
#include "dialect/testing/events.hpp"
#include "dialect/testing/random_events.hpp"
#include "json/reader.hpp"

namespace hearth::dialect::ollama {
namespace {

// What a client puts together from the lines.
struct Seen {
  std::string content, thinking, reason;
  boost::json::array calls, logprobs;
  std::int64_t evaluated = 0;
  int done = 0;
  friend bool operator==(const Seen&, const Seen&) = default;
};

void add_line(Seen& seen, std::string_view line, bool chat) {
  EXPECT_FALSE(line.contains('\n')) << "one object is one line";
  const auto document = json::parse(line).value().as_object();
  const auto& said = chat ? document.at("message").as_object() : document;
  auto text = [](const boost::json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    return value != nullptr ? std::string(value->as_string()) : "";
  };
  seen.content += text(said, chat ? "content" : "response");
  seen.thinking += text(said, "thinking");
  seen.reason += text(document, "done_reason");
  seen.done += document.at("done").as_bool() ? 1 : 0;
  if (const auto* calls = said.if_contains("tool_calls")) {
    for (const auto& call : calls->as_array()) seen.calls.push_back(call);
  }
  if (const auto* logprobs = document.if_contains("logprobs")) {
    for (const auto& token : logprobs->as_array()) seen.logprobs.push_back(token);
  }
  if (const auto* count = document.if_contains("eval_count")) seen.evaluated += count->as_int64();
}

Call call_of(bool chat, bool logprobs) {
  static const testing::StepClock kClock;
  const Edge edge{.clock = &kClock, .id = "h1"};
  const std::string flag = logprobs ? R"(,"logprobs":true})" : "}";
  if (chat)
    return parse_chat(R"({"model":"tiny","messages":[{"role":"user","content":"x"}])" + flag, edge).value().call;
  return parse_generate(R"({"model":"tiny","prompt":"x")" + flag, edge).value().call;
}

Seen streamed(const std::vector<domain::Event>& events, bool chat, bool logprobs) {
  Seen seen;
  const Call call = call_of(chat, logprobs);
  for (const auto& event : events) {
    for (const auto& frame : call.renderer->frames(event)) {
      EXPECT_EQ(seen.done, 0) << "a line after the last";
      add_line(seen, frame.data, chat);
    }
  }
  return seen;
}

TEST(Renderer, AStreamFoldsToTheUnaryAnswerHoweverItIsCut) {
  std::mt19937 random(11);
  for (int i = 0; i < 300; ++i) {
    const bool chat = i % 2 == 0;
    const bool logprobs = i % 3 == 0;
    const auto events = testing::random_stream(random, {.logprobs = logprobs});
    const Seen whole = streamed(events, chat, logprobs);
    Seen unary;
    add_line(unary, call_of(chat, logprobs).renderer->body(testing::fold(events).value()), chat);
    EXPECT_EQ(whole.done, 1);
    if (logprobs) {
      // Lines of tool calls have no words and so no logprobs of their own: all are there in the end, in another order
      // at most.
      EXPECT_EQ(whole.logprobs.size(), unary.logprobs.size());
    }
    EXPECT_EQ(whole, unary);
    EXPECT_EQ(whole, streamed(testing::rechunked(random, events), chat, logprobs));
  }
}

TEST(Renderer, AToolCallThatNobodyClosedIsStillDelivered) {
  const Call call = call_of(true, false);
  (void)call.renderer->frames(domain::Started{.model = "tiny"});
  EXPECT_TRUE(
      call.renderer->frames(domain::BlockOpened{.kind = domain::BlockKind::kToolCall, .tool_name = "lamp"}).empty());
  EXPECT_TRUE(call.renderer->frames(domain::Delta{.text = "{\"on\": tr"}).empty());
  const auto frames = call.renderer->frames(domain::ChoiceFinished{.reason = domain::FinishReason::kLength});
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_TRUE(frames[0].data.contains(R"("arguments":{"arguments":"{\"on\": tr"})")) << frames[0].data;
}

}  // namespace
}  // namespace hearth::dialect::ollama
