#include <gtest/gtest.h>

#include "dialect/tei/tei.hpp"
#include "dialect/testing/wrong_types.hpp"

namespace hearth::dialect::tei {
namespace {

template <class R>
R request_of(const Result<Call>& call) {
  EXPECT_TRUE(call) << (call ? "" : call.error().message);
  return call ? std::get<R>(call->request) : R{};
}

auto parser(Result<Call> (*parse)(std::string_view, const Edge&)) {
  return [parse](std::string_view body) -> std::optional<Error> {
    auto call = parse(body, {});
    return call ? std::nullopt : std::optional(std::move(call).error());
  };
}

TEST(TeiEmbed, FormsOfInputs) {
  const auto inputs = [](std::string_view text) {
    return request_of<domain::EmbedRequest>(parse_embed(R"({"inputs":)" + std::string(text) + "}", {})).inputs;
  };
  EXPECT_EQ(inputs(R"("a")").size(), 1U);
  EXPECT_EQ(inputs(R"(["a","b"])").size(), 2U);
  EXPECT_EQ(std::get<domain::Tokens>(inputs("[1,2]").at(0)), (domain::Tokens{1, 2}));
  EXPECT_EQ(inputs("[[1],[2,3]]").size(), 2U);
}

TEST(TeiEmbed, DefaultsAndFields) {
  const auto plain = parse_embed(R"({"inputs":"a"})", {});
  const auto r = request_of<domain::EmbedRequest>(plain);
  EXPECT_TRUE(r.normalize);
  EXPECT_FALSE(r.truncate);
  EXPECT_EQ(r.envelope.model, "");
  EXPECT_EQ(plain->unnamed, domain::TaskSet{domain::Task::kEmbed});
  constexpr std::string_view kBody =
      R"({"model":"m","inputs":"a","normalize":false,"truncate":true,"truncation_direction":"Left","dimensions":4})";
  const auto call = parse_embed(kBody, {});
  const auto all = request_of<domain::EmbedRequest>(call);
  EXPECT_FALSE(all.normalize);
  EXPECT_TRUE(all.truncate);
  EXPECT_EQ(all.dimensions, 4);
  EXPECT_EQ(call->ignored, std::vector<std::string>{"truncation_direction"}) << "the end is what goes";
  testing::expect_wrong_types_refused(kBody, {.also = {{"inputs", {"string", "array"}}}}, parser(parse_embed));
}

TEST(TeiEmbed, WhatIsEmptyHasAStatusOfItsOwn) {
  for (const auto* inputs : {"\"\"", "[]", R"(["a",""])", "[[1],[]]"}) {
    const auto call = parse_embed(R"({"inputs":)" + std::string(inputs) + "}", {});
    ASSERT_FALSE(call) << inputs;
    EXPECT_EQ(error(call.error()).status, 400) << inputs;
    EXPECT_EQ(error(call.error()).body, R"({"error":"inputs cannot be empty","error_type":"Empty"})");
  }
  const auto prompt = parse_embed(R"({"inputs":"a","prompt_name":"query"})", {});
  ASSERT_FALSE(prompt);
  EXPECT_EQ(error(prompt.error()).status, 422);
  EXPECT_EQ(parse_embed(R"({"inputs":"a","truncation_direction":"Up"})", {}).error().param, "truncation_direction");
}

TEST(TeiRerank, EveryFieldArrives) {
  constexpr std::string_view kBody = R"({"model":"m","query":"q","texts":["a","b"],"raw_scores":true,
    "return_text":true,"truncate":true,"truncation_direction":"Right","top_n":1})";
  const auto call = parse_rerank(kBody, {});
  const auto r = request_of<domain::RerankRequest>(call);
  EXPECT_EQ(r.documents, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(r.raw_scores && r.truncate);
  EXPECT_EQ(r.top_n, 1);
  EXPECT_TRUE(call->ignored.empty());
  testing::expect_wrong_types_refused(kBody, {}, parser(parse_rerank));
  EXPECT_EQ(parse_rerank(R"({"query":"q","texts":[]})", {}).error().message, "texts cannot be empty");
}

TEST(TeiRerank, IsToldFromOtherDialectsByItsTexts) {
  EXPECT_TRUE(is_rerank(R"({"query":"q","texts":["a"]})"));
  EXPECT_FALSE(is_rerank(R"({"query":"q","documents":["a"]})"));
  EXPECT_FALSE(is_rerank(R"({"query":"q","documents":["a"],"texts":["b"]})"));
  EXPECT_FALSE(is_rerank("[1]"));
  EXPECT_FALSE(is_rerank("{"));
}

TEST(TeiPredict, TextsPairsAndBatches) {
  using Input = domain::ClassifyRequest::Input;
  const auto inputs = [](std::string_view text) {
    return request_of<domain::ClassifyRequest>(parse_predict(R"({"inputs":)" + std::string(text) + "}", {})).inputs;
  };
  EXPECT_EQ(inputs(R"("a")"), (std::vector{Input{.text = "a", .pair = {}}}));
  EXPECT_EQ(inputs(R"(["a","b"])"), (std::vector{Input{.text = "a", .pair = "b"}}));
  EXPECT_EQ(inputs(R"([["a"],["b","c"]])"),
            (std::vector{Input{.text = "a", .pair = {}}, Input{.text = "b", .pair = "c"}}));
  for (const auto* wrong : {R"(["a","b","c"])", R"([["a","b","c"]])", "[[]]"}) {
    const auto call = parse_predict(R"({"inputs":)" + std::string(wrong) + "}", {});
    ASSERT_FALSE(call) << wrong;
    EXPECT_EQ(error(call.error()).status, 422) << wrong;
  }
  for (const auto* empty : {"\"\"", "[]"})
    EXPECT_EQ(error(parse_predict(R"({"inputs":)" + std::string(empty) + "}", {}).error()).status, 400) << empty;
  testing::expect_wrong_types_refused(R"({"inputs":[["a"],["b","c"]],"raw_scores":true,"truncate":false})",
                                      {.also = {{"inputs", {"string", "array"}}, {"inputs[]", {"array"}}}},
                                      parser(parse_predict));
}

}  // namespace
}  // namespace hearth::dialect::tei
