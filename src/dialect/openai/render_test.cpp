#include <cstring>
#include <gtest/gtest.h>
#include <map>
#include <random>

#include "base/strings.hpp"
#include "dialect/openai/openai.hpp"
#include "dialect/testing/clock.hpp"
#include "dialect/testing/events.hpp"
#include "dialect/testing/random_events.hpp"
#include "json/reader.hpp"

namespace hearth::dialect::openai {
namespace {

using testing::random_stream;
using testing::StreamShape;

// What a client puts together from the chunks of one choice.
struct Said {
  int roles = 0;
  std::string content, reasoning, finish;
  struct Call {
    std::string id, name, arguments;
    friend bool operator==(const Call&, const Call&) = default;
  };
  std::map<std::int64_t, Call> calls;
  boost::json::array logprobs;
  friend bool operator==(const Said&, const Said&) = default;
};
struct Seen {
  std::map<std::int64_t, Said> choices;
  std::string usage;
  bool done = false;
  friend bool operator==(const Seen&, const Seen&) = default;
};

std::string text_at(const boost::json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

void add_calls(Said& said, const boost::json::object& from) {
  const auto* calls = from.if_contains("tool_calls");
  if (calls == nullptr) return;
  std::int64_t place = 0;
  for (const auto& call : calls->as_array()) {
    const auto& object = call.as_object();
    const auto* index = object.if_contains("index");
    Said::Call& at = said.calls[index != nullptr ? index->as_int64() : place++];
    at.id += text_at(object, "id");
    at.name += text_at(object.at("function").as_object(), "name");
    at.arguments += text_at(object.at("function").as_object(), "arguments");
  }
}

void add_logprobs(Said& said, const boost::json::object& choice) {
  const auto* logprobs = choice.if_contains("logprobs");
  if (logprobs == nullptr || logprobs->is_null()) return;
  for (const auto& token : logprobs->as_object().at("content").as_array()) said.logprobs.push_back(token);
}

void add_part(Said& said, const boost::json::object& choice, std::string_view part) {
  const auto& object = choice.at(part).as_object();
  said.roles += object.contains("role") ? 1 : 0;
  said.content += text_at(object, "content");
  said.reasoning += text_at(object, "reasoning_content");
  said.finish += text_at(choice, "finish_reason");
  add_calls(said, object);
  add_logprobs(said, choice);
}

void add_document(Seen& seen, std::string_view text, std::string_view part) {
  const auto document = json::parse(text).value().as_object();
  for (const auto& choice : document.at("choices").as_array()) {
    const auto& object = choice.as_object();
    add_part(seen.choices[object.at("index").as_int64()], object, part);
  }
  if (const auto* usage = document.if_contains("usage"); usage != nullptr && !usage->is_null()) {
    seen.usage += json::to_text(*usage);
  }
}

constexpr std::string_view kBody =
    R"({"model":"tiny","stream":true,"stream_options":{"include_usage":true},
        "messages":[{"role":"user","content":"x"}])";

Call call_of(bool logprobs) {
  static const testing::StepClock kClock;
  const std::string body = std::string(kBody) + (logprobs ? R"(,"logprobs":true})" : "}");
  return parse_chat(body, {.clock = &kClock, .id = "h1"}).value();
}

Seen streamed(const std::vector<domain::Event>& events, bool logprobs) {
  Seen seen;
  const Call call = call_of(logprobs);
  for (const auto& event : events) {
    for (const auto& frame : call.renderer->frames(event)) {
      EXPECT_FALSE(seen.done) << "a frame after [DONE]";
      EXPECT_TRUE(frame.event.empty());
      if (frame.data == "[DONE]")
        seen.done = true;
      else
        add_document(seen, frame.data, "delta");
    }
  }
  return seen;
}

Seen unary(const std::vector<domain::Event>& events, bool logprobs) {
  Seen seen{.choices = {}, .usage = {}, .done = true};
  add_document(seen, call_of(logprobs).renderer->body(testing::fold(events).value()), "message");
  return seen;
}

TEST(ChatRenderer, AStreamFoldsToTheUnaryAnswerHoweverItIsCut) {
  std::mt19937 random(7);
  for (int i = 0; i < 300; ++i) {
    const bool logprobs = i % 3 == 0;
    const auto events = random_stream(random, {.choices = 1 + i % 3, .logprobs = logprobs, .interleaved = true});
    const Seen whole = streamed(events, logprobs);
    for (const auto& [index, said] : whole.choices) EXPECT_EQ(said.roles, 1) << index;
    EXPECT_EQ(whole, unary(events, logprobs));
    EXPECT_EQ(whole, streamed(testing::rechunked(random, events), logprobs));
  }
}

TEST(CompletionRenderer, AStreamFoldsToTheUnaryAnswerHoweverItIsCut) {
  std::mt19937 random(8);
  for (int i = 0; i < 100; ++i) {
    const auto events = random_stream(random, {.choices = 2, .thinking = false, .tools = false, .interleaved = true});
    auto fold = [](const std::vector<domain::Event>& stream) {
      std::map<std::int64_t, std::string> texts;
      const Call call = parse_completion(R"({"model":"tiny","prompt":"x","stream":true})", {.id = "h1"}).value();
      for (const auto& event : stream) {
        for (const auto& frame : call.renderer->frames(event)) {
          if (frame.data == "[DONE]") continue;
          for (const auto& choice : json::parse(frame.data).value().at_pointer("/choices").as_array())
            texts[choice.at_pointer("/index").as_int64()] += text_at(choice.as_object(), "text");
        }
      }
      return texts;
    };
    const auto answer = testing::fold(events).value();
    const auto texts = fold(events);
    EXPECT_EQ(texts, fold(testing::rechunked(random, events)));
    for (const auto& [index, text] : texts) EXPECT_EQ(text, answer.choices[static_cast<std::size_t>(index)].text());
  }
}

TEST(Renderer, NothingFollowsAFailure) {
  const Call call = call_of(false);
  (void)call.renderer->frames(domain::Started{.model = "tiny"});
  (void)call.renderer->frames(domain::BlockOpened{});
  const auto frames = call.renderer->frames(domain::Failed{{.code = ErrorCode::kStreamCut, .message = "cut"}});
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].data, R"({"error":{"message":"cut","type":"server_error","param":null,"code":"stream_cut"}})");
}

TEST(Embeddings, Base64EqualsFloatBitForBit) {
  std::mt19937 random(9);
  std::normal_distribution<float> normal;
  domain::Answer answer{.embeddings = {{.index = 0, .values = {}}}};
  auto& values = answer.embeddings[0].values;
  for (int i = 0; i < 384; ++i) values.push_back(normal(random));
  auto body = [&](std::string_view format) {
    const std::string request = R"({"model":"m","input":"a","encoding_format":")" + std::string(format) + "\"}";
    return json::parse(parse_embeddings(request, {}).value().renderer->body(answer)).value();
  };
  const auto as_text = body("base64").at_pointer("/data/0/embedding").as_string();
  const std::string bytes = base::base64_decode(as_text).value();
  ASSERT_EQ(bytes.size(), values.size() * sizeof(float));
  EXPECT_EQ(std::memcmp(bytes.data(), values.data(), bytes.size()), 0);
  const auto floats = body("float").at_pointer("/data/0/embedding").as_array();
  for (std::size_t i = 0; i < values.size(); ++i)
    EXPECT_EQ(static_cast<float>(floats[i].to_number<double>()), values[i]);
}

}  // namespace
}  // namespace hearth::dialect::openai
