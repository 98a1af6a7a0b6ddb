#include "engine/core/sampling/sampler.hpp"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <map>
#include <numeric>

namespace hearth::engine::core {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// The same pipeline, written the long way: sort everything, recompute everything. Token -> probability.
std::map<domain::Token, double> reference(const domain::Sampling& s, std::vector<double> logits,
                                          const domain::Tokens& history) {
  for (const auto& [token, bias] : s.logit_bias) logits[static_cast<std::size_t>(token)] += bias;
  std::map<domain::Token, int> counts;
  const auto n =
      s.repeat_last_n < 0 ? history.size() : std::min(history.size(), static_cast<std::size_t>(s.repeat_last_n));
  for (std::size_t i = history.size() - n; i < history.size(); ++i) ++counts[history[i]];
  for (const auto& [token, count] : counts) {
    double& l = logits[static_cast<std::size_t>(token)];
    l = l > 0 ? l / s.repeat_penalty : l * s.repeat_penalty;
    l -= count * s.frequency_penalty + s.presence_penalty;
  }
  struct Row {
    domain::Token id;
    double logit;
    double p;
  };
  std::vector<Row> rows;
  for (std::size_t i = 0; i < logits.size(); ++i) rows.push_back({static_cast<domain::Token>(i), logits[i], 0});
  const auto by_logit = [](const Row& a, const Row& b) { return a.logit != b.logit ? a.logit > b.logit : a.id < b.id; };
  const auto normalise = [&rows](double temperature) {
    double sum = 0;
    const double most = std::ranges::max(rows, {}, &Row::logit).logit;
    for (auto& r : rows) sum += r.p = std::exp((r.logit - most) / temperature);
    for (auto& r : rows) r.p /= sum;
  };
  const auto cut = [&rows](double mass, bool above) {  // the first rows whose mass reaches (or exceeds) `mass`
    double sum = 0;
    std::size_t kept = 0;
    while (kept < rows.size() && (above ? sum <= mass : sum < mass)) sum += rows[kept++].p;
    rows.resize(std::max<std::size_t>(kept, 1));
  };
  std::ranges::sort(rows, by_logit);
  if (s.top_k > 0) rows.resize(std::min(rows.size(), static_cast<std::size_t>(s.top_k)));
  if (s.typical_p < 1) {
    normalise(1);
    double entropy = 0;
    for (const auto& r : rows) entropy -= r.p > 0 ? r.p * std::log(r.p) : 0;
    std::ranges::sort(rows, {},
                      [entropy](const Row& r) { return std::pair(std::abs(-std::log(r.p) - entropy), r.id); });
    cut(s.typical_p, true);
    std::ranges::sort(rows, by_logit);
  }
  if (s.top_p < 1) {
    normalise(1);
    cut(s.top_p, false);
  }
  if (s.min_p > 0) {
    const double least = rows.front().logit + std::log(std::min(s.min_p, 1.0));
    std::erase_if(rows, [least](const Row& r) { return r.logit < least; });
  }
  normalise(s.temperature);
  std::map<domain::Token, double> out;
  for (const auto& r : rows) out[r.id] = r.p;
  return out;
}

std::vector<float> some_logits(std::size_t count, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<float> out(count);
  for (auto& l : out) l = static_cast<float>(random() % 10000) / 1250.0F - 4.0F;
  return out;
}

// Draws often; each token's share must lie within five standard deviations (and two draws) of the reference.
void expect_distribution(const domain::Sampling& s, const std::vector<float>& logits,
                         const domain::Tokens& history = {}, int draws = 2500) {
  const auto expected = reference(s, {logits.begin(), logits.end()}, history);
  Sampler sampler(s, 17, static_cast<std::int32_t>(logits.size()));
  for (const domain::Token t : history) sampler.accept(t);
  std::map<domain::Token, int> drawn;
  std::vector<float> row;
  for (int i = 0; i < draws; ++i) {
    row = logits;
    ++drawn[sampler.sample(row, -1).token];
  }
  for (const auto& [token, count] : drawn) ASSERT_TRUE(expected.contains(token)) << "token " << token << " was cut";
  for (const auto& [token, p] : expected) {
    const double deviation = std::sqrt(p * (1 - p) / draws);
    EXPECT_NEAR(static_cast<double>(drawn[token]) / draws, p, 5 * deviation + 2.0 / draws) << "token " << token;
  }
}

TEST(Sampler, DrawsFromTheReferenceDistribution) {
  const domain::Tokens history{3, 3, 5, 7, 3, 11, 5};
  const std::vector<domain::Sampling> cases{
      {},
      {.temperature = 0.7},
      {.temperature = 1.6},
      {.top_k = 5},
      {.top_k = 1000},
      {.top_p = 0.8},
      {.top_p = 1e-9},
      {.min_p = 0.1},
      {.min_p = 2.0},
      {.typical_p = 0.5},
      {.typical_p = 0.9},
      {.temperature = 0.8, .top_k = 40, .top_p = 0.95, .min_p = 0.05},
      {.temperature = 1.3, .top_k = 12, .top_p = 0.9, .min_p = 0.02, .typical_p = 0.8},
      {.top_p = 0.9, .min_p = 0.1},
      {.min_p = 0.1, .typical_p = 0.8},
      {.repeat_penalty = 1.3},
      {.presence_penalty = 1.0, .frequency_penalty = 0.5},
      {.repeat_penalty = 1.2, .frequency_penalty = 0.3, .repeat_last_n = 3},
      {.repeat_penalty = 1.2, .repeat_last_n = -1},
      {.repeat_penalty = 1.2, .repeat_last_n = 0},
      {.top_k = 10, .logit_bias = {{1, 4.0}, {2, -100.0}, {60, 2.5}}},
  };
  for (std::size_t i = 0; i < cases.size(); ++i) {
    SCOPED_TRACE(i);
    const auto& s = cases[i];
    auto expected = s;
    if (s.repeat_last_n == 0) expected.repeat_penalty = 1;
    expect_distribution(s, some_logits(64, static_cast<std::uint32_t>(i)), history);
  }
}

TEST(Sampler, BigVocabulary) {
  const auto logits = some_logits(1500, 9);
  expect_distribution({.top_p = 0.3}, logits, {}, 1000);  // the head has the mass
  expect_distribution({.top_p = 0.9}, logits, {}, 1000);  // it has not
  expect_distribution({.top_p = 0.3, .min_p = 0.5}, logits, {}, 1000);
  expect_distribution({.typical_p = 0.4}, logits, {}, 1000);
  expect_distribution({.temperature = 0.4}, logits, {}, 1000);
}

TEST(Sampler, GreedyTakesTheLowestIdAmongEquals) {
  Sampler sampler({.temperature = 0}, 1, 5);
  std::vector<float> logits{1, 3, 2, 3, -1};
  EXPECT_EQ(sampler.sample(logits, -1).token, 1);
}

TEST(Sampler, GreedyHonoursBiasAndPenalties) {
  Sampler sampler({.temperature = 0, .frequency_penalty = 1.5, .logit_bias = {{0, 100.0}, {99, 1.0}, {-5, 1.0}}}, 1, 3);
  std::vector<float> logits{0, 50, 120};
  EXPECT_EQ(sampler.sample(logits, -1).token, 2);
  for (int i = 0; i < 20; ++i) sampler.accept(2);
  logits = {0, 50, 120};
  EXPECT_EQ(sampler.sample(logits, -1).token, 0);
}

TEST(Sampler, BrokenLogitsAreNeverDrawn) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const double temperature : {0.0, 0.001, 1.0}) {
    for (const auto& s :
         {domain::Sampling{.temperature = temperature}, domain::Sampling{.temperature = temperature, .top_k = 3},
          domain::Sampling{.temperature = temperature, .top_p = 0.9, .min_p = 0.1, .typical_p = 0.9}}) {
      Sampler sampler(s, 1, 6);
      std::vector<float> logits{nan, -kInfinity, nan, 2, nan, -kInfinity};
      const Draw draw = sampler.sample(logits, 2);
      EXPECT_EQ(draw.token, 3);
      EXPECT_FLOAT_EQ(draw.logprob, 0);
      logits = {nan, nan, nan, nan, nan, nan};
      EXPECT_EQ(sampler.sample(logits, 2).token, 0);
      logits = {1, kInfinity, 3, 2, 1, 0};
      EXPECT_EQ(sampler.sample(logits, -1).token, 1);
    }
  }
}

TEST(Sampler, AbsurdSettingsDoNoHarm) {
  Sampler sampler({.temperature = 1e30, .repeat_penalty = 0, .repeat_last_n = std::numeric_limits<std::int32_t>::max()},
                  1, 4);
  for (int i = 0; i < 100; ++i) {
    std::vector<float> logits{1, -2, 5, 4};
    const Draw draw = sampler.sample(logits, 2);
    ASSERT_TRUE(draw.token >= 0 && draw.token < 4);
    sampler.accept(draw.token);
  }
}

TEST(Sampler, TinyTemperatureIsGreedy) {
  Sampler sampler({.temperature = 1e-300}, 1, 4);
  std::vector<float> logits{1, 2, 5, 4.99F};
  for (int i = 0; i < 100; ++i) {
    logits = {1, 2, 5, 4.99F};
    ASSERT_EQ(sampler.sample(logits, -1).token, 2);
  }
}

TEST(Sampler, LogprobsAreBeforeTruncationAndTemperature) {
  const auto logits = some_logits(50, 4);
  const domain::Sampling s{.temperature = 3, .top_k = 2, .logit_bias = {{7, 5.0}}};
  const auto expected = reference({.logit_bias = s.logit_bias}, {logits.begin(), logits.end()}, {});
  Sampler sampler(s, 1, 50);
  auto row = logits;
  const Draw draw = sampler.sample(row, 20);
  EXPECT_NEAR(draw.logprob, std::log(expected.at(draw.token)), 1e-4);
  ASSERT_EQ(draw.top.size(), 20U);
  for (std::size_t i = 0; i < draw.top.size(); ++i) {
    EXPECT_NEAR(draw.top[i].p, std::log(expected.at(draw.top[i].id)), 1e-4);
    if (i > 0) EXPECT_LE(draw.top[i].p, draw.top[i - 1].p);
  }
  row = logits;
  EXPECT_TRUE(sampler.sample(row, 0).top.empty());
}

TEST(Sampler, FewerTokensThanAlternatives) {
  Sampler sampler({.temperature = 1}, 1, 3);
  std::vector<float> logits{1, 2, 3};
  EXPECT_EQ(sampler.sample(logits, 20).top.size(), 3U);
}

// The draws of a seed are part of what a client may rely on: they must not change with the platform or by accident.
TEST(Sampler, SeedDecidesTheDraws) {
  const auto draws = [](std::uint64_t seed) {
    Sampler sampler({.temperature = 1.2, .top_k = 20}, seed, 64);
    domain::Tokens out;
    for (int i = 0; i < 12; ++i) {
      auto row = some_logits(64, 1);
      out.push_back(sampler.sample(row, -1).token);
    }
    return out;
  };
  EXPECT_EQ(draws(5), draws(5));
  EXPECT_NE(draws(5), draws(6));
  EXPECT_EQ(draws(123456789), (domain::Tokens{21, 33, 17, 41, 57, 21, 41, 21, 53, 15, 17, 15}));
}

}  // namespace
}  // namespace hearth::engine::core
