// The bundled model: its file gives the tokens and the answers that its training export gave.
#include <gtest/gtest.h>

#include <memory>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "domain/answer.hpp"
#include "engine/core/token_engine.hpp"
#include "engine/llama/llama_model.hpp"
#include "json/reader.hpp"
#include "store/gguf.hpp"

namespace hearth {
namespace {

const std::string kFolder = HEARTH_SOURCE_DIR "/models/ember/";

json::Value read_json(const std::string& name) {
  const auto text = base::read_file(kFolder + name);
  EXPECT_TRUE(text) << text.error().message;
  auto value = json::parse(text.value_or("[]"));
  EXPECT_TRUE(value) << name;
  return value ? *std::move(value) : json::Value();
}

// Collects one answer; takes whatever comes.
class Collector final : public engine::Sink {
 public:
  bool offer(std::vector<domain::Event>& events) override {
    for (auto& event : events) {
      if (const auto* failed = std::get_if<domain::Failed>(&event)) error = failed->error.message;
      (void)builder.add(std::move(event));
    }
    events.clear();
    return true;
  }
  domain::AnswerBuilder builder;
  std::string error;
};

class EmberTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto model = engine::llama::load_llama_model({.path = kFolder + "ember-q8_0.gguf", .name = "ember", .parallel = 1, .threads = 1}, log_);
    ASSERT_TRUE(model) << model.error().message;
    engine_ = engine::core::make_token_engine(*std::move(model), {.parallel = 1}, clock_, log_);
  }
  static void TearDownTestSuite() { engine_.reset(); }

  static domain::Choice ask(const std::string& question) {
    domain::ChatRequest request;
    request.envelope.model = "ember";
    request.messages = {{domain::Role::kUser, {domain::TextPart{question}}}};
    request.generation.sampling.temperature = 0;
    request.generation.max_tokens = 200;
    const auto sink = std::make_shared<Collector>();
    const auto ticket = engine_->submit(request, sink);
    EXPECT_TRUE(ticket) << ticket.error().message;
    while (!sink->builder.complete() && sink->error.empty()) engine_->step();
    EXPECT_EQ(sink->error, "");
    auto answer = std::move(sink->builder).take();
    return answer ? answer->choices.at(0) : domain::Choice{};
  }

  static base::NullLog log_;
  static base::SystemClock clock_;
  static std::unique_ptr<engine::Engine> engine_;
};
base::NullLog EmberTest::log_;
base::SystemClock EmberTest::clock_;
std::unique_ptr<engine::Engine> EmberTest::engine_;

TEST_F(EmberTest, TheFileIsSmallAndSound) {
  EXPECT_TRUE(store::check_structure(kFolder + "ember-q8_0.gguf"));
  EXPECT_LE(std::filesystem::file_size(kFolder + "ember-q8_0.gguf"), 4'000'000U);
  EXPECT_EQ(store::read_gguf(kFolder + "ember-q8_0.gguf")->text("tokenizer.ggml.pre"), "gpt-2");
}

TEST_F(EmberTest, TokensAreThoseOfTheTrainingTokenizer) {
  const auto cases = read_json("tokens.json");
  ASSERT_GE(cases.get_array().size(), 10U);
  for (const auto& c : cases.get_array()) {
    domain::TokenizeRequest request;
    request.text = std::string(c.at("text").get_string());
    request.parse_special = false;
    const auto tokens = engine_->tokenize(request);
    ASSERT_TRUE(tokens);
    domain::Tokens expected;
    for (const auto& id : c.at("ids").get_array()) expected.push_back(id.to_number<domain::Token>());
    EXPECT_EQ(tokens->tokens, expected) << request.text;
    domain::DetokenizeRequest back;
    back.tokens = expected;
    EXPECT_EQ(engine_->detokenize(back).value(), request.text);
  }
}

TEST_F(EmberTest, GreedyAnswersEqualTheTrainingExport) {
  const auto cases = read_json("answers.json");
  std::size_t equal = 0;
  std::size_t unfinished = 0;
  for (const auto& c : cases.get_array()) {
    const auto choice = ask(std::string(c.at("question").get_string()));
    equal += choice.text() == std::string_view(c.at("answer").get_string()) ? 1 : 0;
    unfinished += choice.reason == domain::FinishReason::kStop ? 0 : 1;
  }
  const auto count = cases.get_array().size();
  ASSERT_GE(count, 200U);
  RecordProperty("equal", static_cast<int>(equal));
  EXPECT_GE(static_cast<double>(equal), 0.97 * static_cast<double>(count)) << equal << " of " << count;
  EXPECT_EQ(unfinished, 0U) << "every answer stops";
}

TEST_F(EmberTest, AnswersTheVerbatimQuestions) {
  const auto cases = read_json("verbatim.json");
  ASSERT_GE(cases.get_array().size(), 12U);
  for (const auto& c : cases.get_array()) {
    const std::string question(c.at("question").get_string());
    EXPECT_EQ(ask(question).text(), std::string_view(c.at("answer").get_string())) << question;
  }
}

}  // namespace
}  // namespace hearth
