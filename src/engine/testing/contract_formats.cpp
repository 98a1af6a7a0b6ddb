// Answers that must have a form: grammars, regular expressions, JSON schemas.
#include <regex>
#include <set>

#include "engine/testing/contract.hpp"
#include "json/reader.hpp"

namespace hearth::engine::testing {

void detail::link_formats() {}

namespace {

using domain::ResponseFormat;
using Kind = ResponseFormat::Kind;

domain::CompletionRequest formatted(ResponseFormat format, double temperature, std::uint64_t seed) {
  auto out = completion("Once upon a time", 250);
  out.generation.sampling.temperature = temperature;
  out.generation.sampling.seed = seed;
  out.response_format = std::move(format);
  return out;
}

TEST_P(EngineContract, AnswersKeepToTheirFormat) {
  if (!can(domain::Task::kGrammar)) GTEST_SKIP() << "this engine writes any text only";
  struct Case {
    ResponseFormat format;
    const char* form;
  };
  const std::vector<Case> cases{
      {{.kind = Kind::kRegex, .text = "(yes|no), [0-9]{2,4}"}, "(yes|no), [0-9]{2,4}"},
      {{.kind = Kind::kGrammar, .text = "root ::= word (\" \" word){2}\nword ::= [a-c]{1,3}"},
       "[a-c]{1,3}( [a-c]{1,3}){2}"},
      {{.kind = Kind::kJsonSchema, .text = R"({"enum":["red","green",null]})"}, R"("red"|"green"|null)"},
      {{.kind = Kind::kJsonSchema, .text = R"({"type":"integer","minimum":10,"maximum":999})"}, "[1-9][0-9]{1,2}"},
  };
  for (const auto& c : cases) {
    for (const double temperature : {0.0, 1.5}) {
      const auto out = answer(formatted(c.format, temperature, 7));
      EXPECT_TRUE(std::regex_match(out.choices[0].text(), std::regex(c.form)))
          << c.format.text << " gave " << out.choices[0].text();
      EXPECT_EQ(out.choices[0].reason, domain::FinishReason::kStop);
    }
  }
}

TEST_P(EngineContract, ObjectsKeepToTheirSchema) {
  if (!can(domain::Task::kGrammar)) GTEST_SKIP() << "this engine writes any text only";
  const ResponseFormat format{
      .kind = Kind::kJsonSchema,
      .text =
          R"({"type":"object","properties":{"n":{"type":"integer","minimum":0,"maximum":9},"kind":{"enum":["a","b"]}},"required":["n","kind"]})"};
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const auto out = answer(formatted(format, 1.0, seed));
    const auto value = json::parse(out.choices[0].text());
    ASSERT_TRUE(value) << out.choices[0].text();
    EXPECT_TRUE(value->is_object() && value->get_object().size() == 2 && value->get_object().contains("kind"))
        << out.choices[0].text();
  }
}

TEST_P(EngineContract, FormatsRunSideBySide) {
  if (!can(domain::Task::kGrammar)) GTEST_SKIP() << "this engine writes any text only";
  make({.parallel = 4, .step_tokens = 64});
  std::vector<Client> clients;
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    auto request = formatted({.kind = Kind::kRegex, .text = "[ab]{20}"}, 1.0, seed);
    if (seed % 3 == 0) request.response_format = {};
    request.generation.n = 2;
    clients.push_back(submit(std::move(request)));
  }
  run();
  std::set<std::string> texts;
  for (std::size_t i = 0; i < clients.size(); ++i) {
    const auto out = answer_of(clients[i], 2);
    if (i % 3 == 2) continue;
    for (const auto& choice : out.choices) {
      EXPECT_TRUE(std::regex_match(choice.text(), std::regex("[ab]{20}"))) << choice.text();
      texts.insert(choice.text());
    }
  }
  EXPECT_GT(texts.size(), 3U) << "each draws for itself";
}

TEST_P(EngineContract, FormatsThatCannotBe) {
  if (!can(domain::Task::kGrammar)) GTEST_SKIP() << "this engine writes any text only";
  const auto error =
      refusal(formatted({.kind = Kind::kJsonSchema, .text = R"({"properties":{"a":{"not":{}}}})"}, 0, 1));
  EXPECT_EQ(error.code, ErrorCode::kInvalidRequest);
  EXPECT_EQ(error.param, "response_format");
  EXPECT_NE(error.message.find("properties.a.not"), std::string::npos) << error.message;
  EXPECT_EQ(refusal(formatted({.kind = Kind::kGrammar, .text = "root ::= ("}, 0, 1)).code, ErrorCode::kInvalidRequest);
}

}  // namespace
}  // namespace hearth::engine::testing
