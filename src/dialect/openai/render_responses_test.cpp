#include <gtest/gtest.h>
#include <map>
#include <random>

#include "dialect/openai/openai.hpp"
#include "dialect/testing/clock.hpp"
#include "dialect/testing/events.hpp"
#include "dialect/testing/random_events.hpp"
#include "json/reader.hpp"

namespace hearth::dialect::openai {
namespace {

using Json = boost::json::object;

Call call_of(bool logprobs) {
  static const testing::StepClock kClock;
  const std::string body = std::string(R"({"model":"tiny","stream":true,"input":"x")") +
                           (logprobs ? R"(,"include":["message.output_text.logprobs"]})" : "}");
  return parse_responses(body, {.clock = &kClock, .id = "h1"}).value();
}

// What a client that follows the deltas has at the end, with every rule of their order checked on the way.
class Follower {
 public:
  void take(const Frame& frame) {
    ASSERT_FALSE(ended_) << frame.data;
    const Json event = json::parse(frame.data).value().as_object();
    const std::string type(event.at("type").as_string());
    EXPECT_EQ(frame.event, type);
    EXPECT_EQ(event.at("sequence_number").as_int64(), next_++);
    if (type == "response.output_item.added")
      add(event);
    else if (type == "response.output_item.done")
      end(event);
    else if (event.contains("item_id"))
      follow(type, event);
    else if (next_ > 2)
      finish(event);
  }
  [[nodiscard]] const Json& response() const { return response_; }
  [[nodiscard]] bool ended() const { return ended_; }

 private:
  struct Item {
    std::string id, text;
    bool done = false;
  };

  void add(const Json& event) {
    EXPECT_EQ(event.at("output_index").as_int64(), static_cast<std::int64_t>(items_.size()));
    const Json& item = event.at("item").as_object();
    EXPECT_EQ(item.at("status").as_string(), "in_progress");
    items_.push_back({.id = std::string(item.at("id").as_string()), .text = {}});
  }
  void follow(std::string_view type, const Json& event) {
    Item& item = items_.at(static_cast<std::size_t>(event.at("output_index").as_int64()));
    EXPECT_EQ(event.at("item_id").as_string(), item.id);
    EXPECT_FALSE(item.done);
    if (type.ends_with(".delta")) item.text += event.at("delta").as_string();
    if (!type.ends_with(".done") || type == "response.content_part.done") return;
    for (const auto* field : {"text", "arguments", "refusal"}) {
      if (event.contains(field)) EXPECT_EQ(event.at(field).as_string(), item.text);
    }
  }
  void end(const Json& event) {
    const auto place = static_cast<std::size_t>(event.at("output_index").as_int64());
    items_.at(place).done = true;
    done_[place] = event.at("item").as_object();
  }
  void finish(const Json& event) {
    ended_ = true;
    response_ = event.at("response").as_object();
    const auto& output = response_.at("output").as_array();
    ASSERT_EQ(output.size(), done_.size());
    for (std::size_t i = 0; i < output.size(); ++i) EXPECT_EQ(json::to_text(output[i]), json::to_text(done_.at(i)));
  }

  std::int64_t next_ = 0;
  std::vector<Item> items_;
  std::map<std::size_t, Json> done_;
  Json response_;
  bool ended_ = false;
};

Json streamed(const std::vector<domain::Event>& events, bool logprobs) {
  Follower follower;
  const Call call = call_of(logprobs);
  for (const auto& event : events) {
    for (const auto& frame : call.renderer->frames(event)) follower.take(frame);
  }
  EXPECT_TRUE(follower.ended());
  return follower.response();
}

TEST(ResponsesRenderer, AStreamEndsInTheUnaryAnswerHoweverItIsCut) {
  std::mt19937 random(11);
  for (int i = 0; i < 300; ++i) {
    const bool logprobs = i % 2 == 0;
    const auto events = testing::random_stream(random, {.logprobs = logprobs});
    const Json whole = streamed(events, logprobs);
    const std::string body = call_of(logprobs).renderer->body(testing::fold(events).value());
    EXPECT_EQ(json::to_text(whole), body);
    EXPECT_EQ(json::to_text(whole), json::to_text(streamed(testing::rechunked(random, events), logprobs)));
  }
}

TEST(ResponsesRenderer, AFailureIsTheLastEventAndKeepsWhatWasSaid) {
  const Call call = call_of(false);
  std::vector<Frame> frames;
  for (const domain::Event& event :
       std::vector<domain::Event>{domain::Started{.model = "tiny"}, domain::BlockOpened{}, domain::Delta{.text = "Ket"},
                                  domain::Failed{{.code = ErrorCode::kBackendCrashed, .message = "gone"}}}) {
    for (auto& frame : call.renderer->frames(event)) frames.push_back(std::move(frame));
  }
  ASSERT_EQ(frames.back().event, "response.failed");
  const auto response = json::parse(frames.back().data).value().at("response");
  EXPECT_EQ(response.at("status").as_string(), "failed");
  EXPECT_EQ(json::to_text(response.at("error")), R"({"code":"backend_crashed","message":"gone"})");
  EXPECT_EQ(response.at_pointer("/output/0/content/0/text").as_string(), "Ket");
  EXPECT_EQ(response.at_pointer("/output/0/status").as_string(), "incomplete");
}

// A gateway that waited long has sent its headers before anything began.
TEST(ResponsesRenderer, AFailureBeforeTheBeginningIsWholeToo) {
  const auto frames = call_of(false).renderer->frames(domain::Failed{{.code = ErrorCode::kTimeout, .message = "late"}});
  ASSERT_EQ(frames.size(), 3U);
  EXPECT_EQ(frames[0].event, "response.created");
  EXPECT_EQ(frames[2].event, "response.failed");
}

}  // namespace
}  // namespace hearth::dialect::openai
