#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <map>
#include <numbers>
#include <random>

#include "engine/core/sampling/sampler.hpp"
#include "engine/core/sampling/softmax.hpp"

namespace hearth::engine::core {
namespace {

using domain::SamplerStage;
using domain::Sampling;
using Distribution = std::map<domain::Token, double>;

std::vector<float> some_logits(std::size_t count, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<float> out(count);
  for (auto& l : out) l = static_cast<float>(random() % 10000) / 1000.0F - 5.0F;
  return out;
}

Distribution softmax(const std::map<domain::Token, double>& logits) {
  double most = -std::numeric_limits<double>::infinity();
  for (const auto& [token, logit] : logits) most = std::max(most, logit);
  Distribution out;
  double sum = 0;
  for (const auto& [token, logit] : logits) sum += out[token] = std::exp(logit - most);
  for (auto& [token, p] : out) p /= sum;
  return out;
}

Distribution softmax(const std::vector<float>& row, double temperature = 1) {
  std::map<domain::Token, double> logits;
  for (std::size_t i = 0; i < row.size(); ++i)
    logits[static_cast<domain::Token>(i)] = static_cast<double>(row[i]) / temperature;
  return softmax(logits);
}

// What is left of `all` where `keeps(token)` says so.
template <class Keeps>
Distribution only(const Distribution& all, const Keeps& keeps) {
  Distribution out;
  double sum = 0;
  for (const auto& [token, p] : all) {
    if (keeps(token)) sum += out[token] = p;
  }
  for (auto& [token, p] : out) p /= sum;
  return out;
}

Distribution distribution(Sampler& sampler, std::vector<float> row) {
  Distribution out;
  for (const auto& c : sampler.distribution(row)) {
    if (c.p > 0) out[c.id] = static_cast<double>(c.p);
  }
  return out;
}
Distribution distribution(const Sampling& settings, const std::vector<float>& row) {
  Sampler sampler(settings, 1, static_cast<std::int32_t>(row.size()));
  return distribution(sampler, row);
}

void expect_near(const Distribution& actual, const Distribution& expected) {
  for (const auto& [token, p] : expected)
    EXPECT_NEAR(actual.contains(token) ? actual.at(token) : 0, p, 1e-5) << "token " << token;
  for (const auto& [token, p] : actual) EXPECT_TRUE(expected.contains(token)) << "token " << token << " was cut";
}

TEST(Stages, TopNSigma) {
  for (const std::size_t size : {7U, 64U, 500U}) {
    const auto row = some_logits(size, 3);
    double mean = 0;
    for (const float l : row) mean += static_cast<double>(l) / static_cast<double>(size);
    double variance = 0;
    for (const float l : row) variance += std::pow(static_cast<double>(l) - mean, 2) / static_cast<double>(size);
    const double best = static_cast<double>(*std::ranges::max_element(row));
    for (const double n : {0.01, 0.5, 1.5}) {
      const auto expected = only(softmax(row), [&](domain::Token t) {
        return static_cast<double>(row[static_cast<std::size_t>(t)]) >= best - n * std::sqrt(variance);
      });
      expect_near(distribution({.top_n_sigma = n}, row), expected);
      expect_near(
          distribution({.top_k = 100000, .top_n_sigma = n, .samplers = {SamplerStage::kTopK, SamplerStage::kTopNSigma}},
                       row),
          expected);
    }
  }
}

// The temperature lies between its two ends as the entropy lies between none and all.
TEST(Stages, DynamicTemperature) {
  const auto row = some_logits(100, 5);
  double entropy = 0;
  for (const auto& [token, p] : softmax(row)) entropy -= p * std::log(p);
  const double share = entropy / std::log(100);
  for (const double exponent : {0.5, 1.0, 2.0}) {
    expect_near(distribution({.temperature = 1.2, .dynatemp_range = 0.7, .dynatemp_exponent = exponent}, row),
                softmax(row, 0.5 + 1.4 * std::pow(share, exponent)));
    expect_near(distribution({.temperature = 0.5, .dynatemp_range = 2, .dynatemp_exponent = exponent}, row),
                softmax(row, 2.5 * std::pow(share, exponent)));
  }
  // Tokens that top_n_sigma has made impossible count as possible choices.
  const auto kept = distribution({.top_n_sigma = 1}, row);
  entropy = 0;
  for (const auto& [token, p] : kept) entropy -= p * std::log(p);
  const double temperature = 0.5 + entropy / std::log(100);
  std::map<domain::Token, double> logits;
  for (const auto& [token, p] : kept)
    logits[token] = static_cast<double>(row[static_cast<std::size_t>(token)]) / temperature;
  expect_near(distribution({.dynatemp_range = 0.5, .top_n_sigma = 1}, row), softmax(logits));
}

TEST(Stages, XtcLeavesTheLeastOfTheLikely) {
  const std::vector<float> row{std::log(0.4F), std::log(0.05F), std::log(0.3F), std::log(0.2F), std::log(0.05F)};
  const auto all = softmax(row);
  const auto without = [&](std::initializer_list<domain::Token> gone) {
    return only(all, [&](domain::Token t) { return std::ranges::find(gone, t) == gone.end(); });
  };
  expect_near(distribution({.xtc_probability = 1, .xtc_threshold = 0.1}, row), without({0, 2}));
  expect_near(distribution({.xtc_probability = 1, .xtc_threshold = 0.25}, row), without({0}));
  expect_near(distribution({.xtc_probability = 1, .xtc_threshold = 0.35}, row), all);
  expect_near(distribution({.xtc_probability = 1, .xtc_threshold = 0.51}, row), all);
  expect_near(distribution({.xtc_probability = 0, .xtc_threshold = 0.1}, row), all);
  expect_near(distribution({.xtc_probability = 1, .xtc_threshold = 0.1, .min_keep = 4}, row), all);
  expect_near(distribution({.xtc_probability = 1, .xtc_threshold = 0}, row), {{4, 1.0}});
}

TEST(Stages, XtcHappensWithItsProbability) {
  const std::vector<float> row{3, 2.9F, -9};
  Sampler sampler({.xtc_probability = 0.3, .xtc_threshold = 0.2}, 5, 3);
  int cut = 0;
  for (int i = 0; i < 2000; ++i) cut += distribution(sampler, row).contains(0) ? 0 : 1;
  EXPECT_NEAR(cut / 2000.0, 0.3, 5 * std::sqrt(0.3 * 0.7 / 2000));
}

TEST(Stages, MinKeep) {
  const std::vector<float> row{9, 5, 8, 1, 7, 0};
  const std::vector<std::pair<Sampling, std::vector<domain::Token>>> cases{
      {{.top_p = 0.1, .min_keep = 3}, {0, 2, 4}},
      {{.min_p = 1.0, .min_keep = 2}, {0, 2}},
      {{.top_k = 4, .min_p = 1.0, .min_keep = 2}, {0, 2}},
      {{.top_k = 2, .min_keep = 4}, {0, 2}},
      {{.typical_p = 0, .min_keep = 6}, {0, 1, 2, 3, 4, 5}},
      {{.min_p = 0.5, .min_keep = 100}, {0, 1, 2, 3, 4, 5}}};
  for (const auto& [settings, kept] : cases) {
    expect_near(distribution(settings, row),
                only(softmax(row), [&kept](domain::Token t) { return std::ranges::find(kept, t) != kept.end(); }));
  }
}

TEST(Stages, OrderDecides) {
  const std::vector<float> row{4, 3, 2, 1, 0};
  const auto with = [&row](domain::SamplerChain chain) {
    return distribution({.temperature = 4, .top_p = 0.7, .samplers = std::move(chain)}, row);
  };
  using enum SamplerStage;
  EXPECT_EQ(with({kTopP, kTemperature}).size(), 2U);
  EXPECT_EQ(with({kTemperature, kTopP}).size(), 3U);
  expect_near(with({kTemperature, kTopP}), only(softmax(row, 4), [](domain::Token t) { return t < 3; }));
  expect_near(with({kTemperature}), softmax(row, 4));
  expect_near(with({kTemperature, kTemperature}), softmax(row, 16));
  expect_near(with({}), softmax(row));
  expect_near(distribution({.temperature = 0, .samplers = {kTopK}}, row), softmax(row));
}

TEST(Stages, PenaltiesWhereverTheyStand) {
  const std::vector<float> row{4, 3, 2, -1, 0};
  using enum SamplerStage;
  Sampler sampler({.top_k = 2, .repeat_penalty = 2, .frequency_penalty = 0.5, .samplers = {kTopK, kPenalties}}, 1, 5);
  for (const domain::Token t : {0, 0, 3}) sampler.accept(t);
  expect_near(distribution(sampler, row), softmax({{0, 4 / 2.0 - 1}, {1, 3}}));
  // The sign of a logit decides what repeat_penalty does: the temperature must not move it.
  Sampler heated({.temperature = 0.5, .repeat_penalty = 2, .samplers = {kTemperature, kPenalties}}, 1, 5);
  for (const domain::Token t : {0, 3}) heated.accept(t);
  expect_near(distribution(heated, row), softmax({{0, 4}, {1, 6}, {2, 4}, {3, -4}, {4, 0}}));
}

// A temperature of 0 takes the best of what the stages before it have left.
TEST(Stages, GreedyAfterOtherStages) {
  const std::vector<float> row{3, 2.9F, 1, 0};
  EXPECT_EQ(distribution({.temperature = 0}, row), (Distribution{{0, 1.0}}));
  EXPECT_EQ(distribution({.temperature = 0, .top_k = 2}, row), (Distribution{{0, 1.0}}));
  const Sampling excluding{.temperature = 0, .xtc_probability = 1, .xtc_threshold = 0.2};
  EXPECT_EQ(distribution(excluding, row), (Distribution{{1, 1.0}}));
  auto logits = row;
  EXPECT_EQ(Sampler(excluding, 1, 4).sample(logits, -1).token, 1);
}

TEST(Stages, Mirostat2CutsBySurprise) {
  const auto row = some_logits(200, 8);
  Sampler sampler({.temperature = 1.3, .mirostat = 2, .mirostat_tau = 2, .mirostat_eta = 0.2}, 1, 200);
  const auto all = softmax(row, 1.3);
  const auto best = static_cast<domain::Token>(index_of_max(row));
  double mu = 4;
  for (int i = 0; i < 10; ++i) {
    const auto kept = distribution(sampler, row);
    expect_near(kept, only(all, [&](domain::Token t) { return -std::log2(all.at(t)) <= mu || t == best; }));
    const auto [token, p] = *kept.begin();
    sampler.accept(token);
    mu -= 0.2 * (-std::log2(p) - 2);
  }
}

TEST(Stages, Mirostat1CutsByZipfsLaw) {
  std::vector<float> row(1000);
  for (std::size_t i = 0; i < row.size(); ++i) row[i] = static_cast<float>(-1.5 * std::log(static_cast<double>(i + 1)));
  // Exponent 1.5: k = (0.5 x 2^mu / (1 - 1000^-0.5)) ^ (1 / 1.5), with mu = 2 tau.
  const auto wanted = static_cast<std::size_t>(std::pow(0.5 * std::exp2(8) / (1 - std::pow(1000, -0.5)), 1 / 1.5));
  EXPECT_EQ(distribution({.mirostat = 1, .mirostat_tau = 4}, row).size(), wanted);
  EXPECT_EQ(distribution({.mirostat = 1, .mirostat_tau = 40}, row).size(), 1000U);
}

TEST(Stages, MirostatReplacesTheChain) {
  const std::vector<float> row{2, 1, 0};
  Sampler sampler({.top_k = 1, .frequency_penalty = 10, .mirostat = 2, .mirostat_tau = 50}, 1, 3);
  sampler.accept(0);
  expect_near(distribution(sampler, row), softmax(row));
  EXPECT_EQ(distribution({.temperature = 0, .mirostat = 1}, row), (Distribution{{0, 1.0}}));
}

TEST(Stages, AdaptivePMovesItsTarget) {
  const auto row = some_logits(50, 4);
  const Sampling settings{
      .adaptive_target = 0.3, .adaptive_decay = 0.8, .samplers = {SamplerStage::kAdaptiveP, SamplerStage::kMinP}};
  Sampler sampler(settings, 1, 50);
  const auto original = softmax(row);
  double sum = 0.3 / 0.2;
  double weight = 1 / 0.2;
  for (int i = 0; i < 10; ++i) {
    const double target = std::clamp(0.6 - sum / weight, 0.0, 1.0);
    std::map<domain::Token, double> logits;
    for (const auto& [token, p] : original) {
      const double d = std::abs(p - target) / 0.3;
      logits[token] = 5 - 10 * d * d / (1 + d);
    }
    expect_near(distribution(sampler, row), softmax(logits));
    const domain::Token drawn = i * 3;
    sampler.accept(drawn);
    sum = original.at(drawn) + 0.8 * sum;
    weight = 1 + 0.8 * weight;
  }
  Sampling off = settings;
  off.adaptive_target = -1;
  expect_near(distribution(off, row), original);
  off = settings;
  off.samplers = domain::default_samplers();  // without adaptive_p
  expect_near(distribution(off, row), original);
}

// Each of these is what sample() draws, too.
TEST(Stages, SampleDrawsFromTheDistribution) {
  const auto row = some_logits(40, 6);
  const std::vector<Sampling> cases{{},
                                    {.temperature = 0.6},
                                    {.top_k = 5, .samplers = {SamplerStage::kTemperature, SamplerStage::kTopK}},
                                    {.temperature = 1.5, .mirostat = 1, .mirostat_tau = 3, .mirostat_eta = 0},
                                    {.mirostat = 2, .mirostat_tau = 3, .mirostat_eta = 0},
                                    {.adaptive_target = 0.1, .samplers = {SamplerStage::kAdaptiveP}},
                                    {.xtc_probability = 1},
                                    {.dynatemp_range = 0.5}};
  for (const auto& settings : cases) {
    const auto expected = distribution(settings, row);
    Sampler sampler(settings, 3, 40);
    std::map<domain::Token, int> drawn;
    constexpr int kDraws = 3000;
    for (int i = 0; i < kDraws; ++i) {
      auto logits = row;
      ++drawn[sampler.sample(logits, -1).token];
    }
    for (const auto& [token, count] : drawn) ASSERT_TRUE(expected.contains(token));
    for (const auto& [token, p] : expected)
      EXPECT_NEAR(static_cast<double>(drawn[token]) / kDraws, p, 5 * std::sqrt(p * (1 - p) / kDraws) + 2.0 / kDraws);
  }
}

// NaN, impossible tokens and settings that mean nothing: always a token, never undefined behaviour.
TEST(Stages, NothingBreaksThem) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const double huge = std::numeric_limits<double>::max();
  std::vector<Sampling> cases;
  for (const double x : {0.0, 1e-300, 0.5, 1.0, huge}) {
    for (const std::int32_t mirostat : {0, 1, 2}) {
      Sampling s{.temperature = x,
                 .top_k = 3,
                 .top_p = 0.5,
                 .min_p = x,
                 .typical_p = 0.5,
                 .presence_penalty = x,
                 .dynatemp_range = x,
                 .dynatemp_exponent = x,
                 .top_n_sigma = x,
                 .xtc_probability = x,
                 .xtc_threshold = 0,
                 .mirostat = mirostat,
                 .mirostat_tau = x,
                 .mirostat_eta = x,
                 .adaptive_target = x,
                 .adaptive_decay = x,
                 .min_keep = 2};
      s.dry = {.multiplier = x, .base = std::max(x, 1.0), .allowed_length = 0};
      cases.push_back(s);
      std::ranges::reverse(s.samplers);
      s.samplers.push_back(SamplerStage::kAdaptiveP);
      cases.push_back(s);
    }
  }
  const std::vector<std::vector<float>> rows{{nan, nan, nan, nan, nan},
                                             {nan, kImpossible, 2, nan, kImpossible},
                                             {0, 0, 0, 0, 0},
                                             {3e38F, -3e38F, 1, 2, std::numeric_limits<float>::infinity()}};
  for (std::size_t i = 0; i < cases.size(); ++i) {
    Sampler sampler(cases[i], 1, 5);
    for (int round = 0; round < 5; ++round) {
      for (auto row : rows) {
        const Draw draw = sampler.sample(row, 3);
        ASSERT_TRUE(draw.token >= 0 && draw.token < 5) << "case " << i;
        sampler.accept(draw.token);
      }
    }
  }
}

}  // namespace
}  // namespace hearth::engine::core
