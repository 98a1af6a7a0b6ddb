// Vectors, rankings and classes: what a model gives for whole texts.
#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>
#include <map>

#include "engine/testing/contract.hpp"

namespace hearth::engine::testing {

void detail::link_encoders() {}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EncoderContract);

namespace {

using domain::Task;

domain::RerankRequest question(std::size_t documents) {
  domain::RerankRequest out{.query = "who keeps the light", .documents = {}};
  for (std::size_t i = 0; i < documents; ++i) {
    std::string text = "text " + std::to_string(i);
    for (std::size_t more = 0; more < i % 5; ++more) text += " and so on";
    out.documents.push_back(std::move(text));
  }
  return out;
}

std::map<std::int32_t, float> by_document(const domain::Answer& answer) {
  std::map<std::int32_t, float> out;
  for (const auto& ranked : answer.ranking) out[ranked.index] = ranked.score;
  return out;
}

double sigmoid(double logit) { return 1 / (1 + std::exp(-logit)); }

TEST_P(EncoderContract, EveryDocumentIsRankedOnceTheBestFirst) {
  if (!can(Task::kRerank)) GTEST_SKIP() << "it does not rerank";
  const auto out = answer(question(40));
  EXPECT_EQ(by_document(out).size(), 40U);
  ASSERT_EQ(out.ranking.size(), 40U);
  for (std::size_t i = 1; i < 40; ++i) EXPECT_LE(out.ranking[i].score, out.ranking[i - 1].score);
  EXPECT_GT(out.ranking.front().score, out.ranking.back().score);
  EXPECT_GT(out.usage.prompt, 80);
  EXPECT_EQ(out.usage.dropped, 0);
  for (const auto& ranked : out.ranking) {
    EXPECT_GE(ranked.score, 0);
    EXPECT_LE(ranked.score, 1);
  }
}

TEST_P(EncoderContract, AScoreDependsOnItsDocumentAlone) {
  if (!can(Task::kRerank)) GTEST_SKIP() << "it does not rerank";
  const auto whole = by_document(answer(question(40)));
  for (const std::int32_t i : {0, 7, 39}) {
    auto one = question(40);
    one.documents = {one.documents[static_cast<std::size_t>(i)]};
    EXPECT_NEAR(answer(one).ranking.at(0).score, whole.at(i), 1e-4) << i;
  }
}

TEST_P(EncoderContract, TheQueryMattersAndIsNotTheDocument) {
  if (!can(Task::kRerank)) GTEST_SKIP() << "it does not rerank";
  domain::RerankRequest one{.query = "a ship", .documents = {"the long way home"}};
  domain::RerankRequest other{.query = "the long way home", .documents = {"a ship"}};
  const float score = answer(one).ranking.at(0).score;
  EXPECT_NE(score, answer(other).ranking.at(0).score);
  one.query = "a boat";
  EXPECT_NE(score, answer(one).ranking.at(0).score);
}

TEST_P(EncoderContract, TopNIsTheBeginningOfTheRanking) {
  if (!can(Task::kRerank)) GTEST_SKIP() << "it does not rerank";
  auto request = question(12);
  const auto whole = answer(request);
  request.top_n = 3;
  const auto cut = answer(request);
  ASSERT_EQ(cut.ranking.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(cut.ranking[i].index, whole.ranking[i].index);
  EXPECT_EQ(cut.usage, whole.usage);
}

TEST_P(EncoderContract, RawScoresAreLogitsOrTheSame) {
  if (!can(Task::kRerank)) GTEST_SKIP() << "it does not rerank";
  auto request = question(9);
  const auto scaled = by_document(answer(request));
  request.raw_scores = true;
  for (const auto& [index, raw] : by_document(answer(request))) {
    const double wanted = engine_->info().scores_are_probabilities ? raw : sigmoid(raw);
    EXPECT_NEAR(scaled.at(index), wanted, 1e-4);
  }
}

TEST_P(EncoderContract, DocumentsThatDoNotFitAreRefusedOrCut) {
  if (!can(Task::kRerank)) GTEST_SKIP() << "it does not rerank";
  make({.parallel = 2, .step_tokens = 64, .context_tokens = 64});
  auto request = question(2);
  request.documents[1] = "";
  for (int i = 0; i < 40; ++i) request.documents[1] += "ship and sea ";
  const auto error = refusal(request);
  EXPECT_EQ(error.code, ErrorCode::kContextLength);
  EXPECT_EQ(error.param, "documents[1]") << error.message;
  EXPECT_NE(error.message.find("64"), std::string::npos) << error.message;
  request.truncate = true;
  const auto out = answer(request);
  EXPECT_EQ(out.ranking.size(), 2U);
  EXPECT_GT(out.usage.dropped, 0);
  EXPECT_LE(out.usage.prompt, 128);
  request.query = request.documents[1];  // queries are not cut
  EXPECT_EQ(refusal(request).code, ErrorCode::kContextLength);
}

TEST_P(EncoderContract, DocumentsCanBeCutToTokens) {
  if (!can(Task::kRerank)) GTEST_SKIP() << "it does not rerank";
  auto request = question(1);
  request.documents = {"one two three four five six", "one two"};
  const auto whole = answer(request);
  request.document_tokens = 2;
  const auto cut = answer(request);
  EXPECT_GT(cut.usage.dropped, 0);
  EXPECT_EQ(cut.usage.prompt + cut.usage.dropped, whole.usage.prompt);
}

TEST_P(EncoderContract, WhatCannotBeRankedIsRefused) {
  if (!can(Task::kRerank)) GTEST_SKIP() << "it does not rerank";
  auto request = question(1);
  request.query.clear();
  EXPECT_EQ(refusal(request).param, "query");
  request = question(0);
  EXPECT_EQ(refusal(request).param, "documents");
  EXPECT_EQ(refusal(question(10'001)).param, "documents");
  request = question(1000);
  request.query.assign(50'000, 'q');  // once for each document
  EXPECT_EQ(refusal(request).param, "query");
  if (!can(Task::kEmbed)) {
    EXPECT_EQ(refusal(domain::EmbedRequest{.inputs = {std::string("x")}}).code, ErrorCode::kUnsupported);
  }
}

TEST_P(EncoderContract, ManyRankingsAtOnceDoNotMix) {
  if (!can(Task::kRerank)) GTEST_SKIP() << "it does not rerank";
  std::vector<std::map<std::int32_t, float>> alone;
  std::vector<domain::RerankRequest> requests;
  for (std::size_t i = 0; i < 6; ++i) {
    requests.push_back(question(3 + i));
    requests.back().query += " " + std::to_string(i);
    alone.push_back(by_document(answer(requests.back())));
  }
  std::vector<Client> clients;
  for (const auto& request : requests) clients.push_back(submit(request));
  engine_->step();
  engine_->cancel(clients[1].ticket);
  run();
  for (std::size_t i = 0; i < clients.size(); ++i) {
    if (i == 1) continue;
    for (const auto& [index, score] : by_document(answer_of(clients[i], 0)))
      EXPECT_NEAR(score, alone[i].at(index), 1e-4);
  }
}

TEST_P(EncoderContract, ClassesAreSharesOfOneTheLikeliestFirst) {
  if (!can(Task::kClassify)) GTEST_SKIP() << "it does not classify";
  domain::ClassifyRequest request;
  for (const char* text : {"a fine day", "rain again", "a fine day"})
    request.inputs.push_back({.text = text, .pair = {}});
  request.inputs.push_back({.text = "a fine day", .pair = "rain again"});
  const auto out = answer(request);
  ASSERT_EQ(out.classified.size(), 4U);
  const auto& labels = engine_->info().capabilities.labels;
  for (std::size_t i = 0; i < 4; ++i) {
    const auto& [index, classes] = out.classified[i];
    EXPECT_EQ(index, static_cast<std::int32_t>(i));
    ASSERT_EQ(classes.size(), std::max<std::size_t>(labels.size(), 1));
    double sum = 0;
    for (std::size_t c = 0; c < classes.size(); ++c) {
      sum += static_cast<double>(classes[c].score);
      if (c > 0) EXPECT_LE(classes[c].score, classes[c - 1].score);
      if (!labels.empty()) EXPECT_EQ(std::ranges::count(labels, classes[c].label), 1);
    }
    if (classes.size() > 1) EXPECT_NEAR(sum, 1, 1e-5);
  }
  EXPECT_NEAR(out.classified[0].classes[0].score, out.classified[2].classes[0].score, 1e-4);
  EXPECT_NE(out.classified[0].classes[0].score, out.classified[3].classes[0].score) << "the pair's second text counts";
  request.raw_scores = true;
  EXPECT_EQ(answer(request).classified.at(0).classes.at(0).label, out.classified[0].classes[0].label);
  request.inputs[1].text.clear();
  EXPECT_EQ(refusal(request).param, "inputs[1]");
}

TEST_P(EncoderContract, AllPoolingsAreOfTheSameVectors) {
  if (!can(Task::kEmbed)) GTEST_SKIP() << "no embeddings";
  domain::EmbedRequest request{.inputs = {std::string("apples and pears"), std::string("the sea")}, .normalize = false};
  const auto pooled = [&](domain::Pooling pooling) {
    request.pooling = pooling;
    return answer(request);
  };
  const auto each = pooled(domain::Pooling::kNone).embeddings;
  std::vector<std::vector<float>> rows;
  for (const auto& row : each) {
    if (row.index != 1) continue;
    EXPECT_EQ(row.token, static_cast<std::int32_t>(rows.size()));
    rows.push_back(row.values);
  }
  ASSERT_GE(rows.size(), 2U);
  const auto mean = pooled(domain::Pooling::kMean).embeddings.at(1);
  const auto cls = pooled(domain::Pooling::kCls).embeddings.at(1);
  const auto last = pooled(domain::Pooling::kLast).embeddings.at(1);
  EXPECT_FALSE(mean.token);
  for (std::size_t d = 0; d < mean.values.size(); ++d) {
    double sum = 0;
    for (const auto& row : rows) sum += static_cast<double>(row[d]);
    EXPECT_NEAR(mean.values[d], sum / static_cast<double>(rows.size()), 1e-3);
    EXPECT_NEAR(cls.values[d], rows.front()[d], 1e-3);
    EXPECT_NEAR(last.values[d], rows.back()[d], 1e-3);
  }
  EXPECT_NE(cls.values, last.values);
  request.pooling.reset();
  const auto own = answer(request).embeddings.at(1).values;
  EXPECT_TRUE(std::ranges::any_of(std::array{mean.values, cls.values, last.values}, [&](const auto& one) {
    return std::ranges::equal(one, own, [](float a, float b) { return std::abs(a - b) < 1e-3F; });
  }));
}

TEST_P(EncoderContract, VectorsOfTokensHaveABound) {
  if (!can(Task::kEmbed)) GTEST_SKIP() << "no embeddings";
  const auto width = static_cast<std::size_t>(engine_->info().capabilities.embedding_dimensions);
  domain::EmbedRequest request{.inputs = {}, .pooling = domain::Pooling::kNone};
  const domain::Tokens text(200, 5);
  for (std::size_t i = 0; i <= (4U << 20) / width / text.size(); ++i) request.inputs.emplace_back(text);
  if (request.inputs.size() > 2048) GTEST_SKIP() << "too narrow vectors to reach it";
  EXPECT_EQ(refusal(request).param, "input");
}

}  // namespace
}  // namespace hearth::engine::testing
