#include <gtest/gtest.h>
#include <optional>
#include <random>
#include <vector>

#include "dialect/anthropic/anthropic.hpp"
#include "dialect/testing/clock.hpp"
#include "dialect/testing/events.hpp"
#include "dialect/testing/random_events.hpp"
#include "json/reader.hpp"

namespace hearth::dialect::anthropic {
namespace {

namespace bj = boost::json;

Call call_of() {
  static const testing::StepClock kClock;
  return parse_messages(R"({"model":"tiny","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"x"}]})",
                        {.clock = &kClock, .id = "h1"})
      .value();
}

// The message that a client puts together from the events; checks their order on the way.
class Client {
 public:
  void take(const Frame& frame) {
    const auto data = json::parse(frame.data).value().as_object();
    const std::string type(data.at("type").as_string());
    EXPECT_EQ(frame.event, type);
    EXPECT_FALSE(stopped_) << type << " after message_stop";
    if (type == "message_start") {
      message_ = data.at("message").as_object();
    } else if (type == "content_block_start") {
      EXPECT_FALSE(open_) << "two blocks open";
      open_ = data.at("index").as_int64();
      EXPECT_EQ(static_cast<std::size_t>(*open_), content().size());
      content().push_back(data.at("content_block"));
      partial_json_.clear();
    } else if (type == "content_block_delta") {
      EXPECT_EQ(open_, data.at("index").as_int64());
      add(data.at("delta").as_object());
    } else if (type == "content_block_stop") {
      EXPECT_EQ(open_, data.at("index").as_int64());
      if (!partial_json_.empty()) content().back().as_object()["input"] = json::parse(partial_json_).value();
      open_.reset();
    } else if (type == "message_delta") {
      EXPECT_FALSE(open_);
      for (const auto& [key, value] : data.at("delta").as_object()) message_[key] = value;
      for (const auto& [key, value] : data.at("usage").as_object()) message_["usage"].as_object()[key] = value;
    } else if (type == "message_stop") {
      stopped_ = true;
    } else {
      FAIL() << "unexpected " << type;
    }
  }
  [[nodiscard]] bool stopped() const { return stopped_; }
  [[nodiscard]] const bj::object& message() const { return message_; }

 private:
  bj::array& content() { return message_["content"].as_array(); }
  void add(const bj::object& delta) {
    auto& block = content().back().as_object();
    for (const auto* key : {"text", "thinking", "signature"}) {
      const auto* more = delta.if_contains(key);
      if (more == nullptr) continue;
      const std::string joined = std::string(block.at(key).as_string()) + std::string(more->as_string());
      block[key] = joined;
    }
    if (const auto* more = delta.if_contains("partial_json")) partial_json_ += std::string(more->as_string());
  }

  bj::object message_;
  std::optional<std::int64_t> open_;
  std::string partial_json_;
  bool stopped_ = false;
};

bj::object streamed(const std::vector<domain::Event>& events) {
  Client client;
  const Call call = call_of();
  for (const auto& event : events) {
    for (const auto& frame : call.renderer->frames(event)) client.take(frame);
  }
  EXPECT_TRUE(client.stopped());
  return client.message();
}

TEST(Renderer, AStreamFoldsToTheUnaryAnswerHoweverItIsCut) {
  std::mt19937 random(13);
  for (int i = 0; i < 300; ++i) {
    const auto events = testing::random_stream(random, {});
    const auto whole = streamed(events);
    EXPECT_EQ(whole, json::parse(call_of().renderer->body(testing::fold(events).value())).value().as_object());
    EXPECT_EQ(whole, streamed(testing::rechunked(random, events)));
  }
}

TEST(Renderer, InputTokensAreCountedFromTheStart) {
  const auto frames =
      call_of().renderer->frames(domain::Started{.model = "tiny", .prompt_tokens = 12, .cached_tokens = 5});
  ASSERT_EQ(frames.size(), 1U);
  const auto start = json::parse(frames[0].data).value();
  EXPECT_EQ(start.at_pointer("/message/usage/input_tokens").as_int64(), 7);
  EXPECT_EQ(start.at_pointer("/message/usage/cache_read_input_tokens").as_int64(), 5);
}

struct Reason {
  domain::FinishReason reason;
  std::string_view stop_sequence;
  std::string_view stop_reason;
};
TEST(StopReason, Table) {
  using enum domain::FinishReason;
  const Reason cases[] = {{kStop, "", "end_turn"},
                          {kStop, "END", "stop_sequence"},
                          {kLength, "", "max_tokens"},
                          {kToolCalls, "", "tool_use"},
                          {kContentFilter, "", "refusal"}};
  for (const auto& c : cases) {
    domain::Answer answer;
    answer.choices.push_back({.reason = c.reason, .stop_sequence = std::string(c.stop_sequence)});
    const auto body = json::parse(call_of().renderer->body(answer)).value();
    EXPECT_EQ(body.at_pointer("/stop_reason").as_string(), c.stop_reason);
    if (c.stop_sequence.empty())
      EXPECT_TRUE(body.at_pointer("/stop_sequence").is_null());
    else
      EXPECT_EQ(body.at_pointer("/stop_sequence").as_string(), c.stop_sequence);
  }
}

}  // namespace
}  // namespace hearth::dialect::anthropic
