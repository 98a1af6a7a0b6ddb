#include "engine/core/scores.hpp"

#include <gtest/gtest.h>

namespace hearth::engine::core {
namespace {

std::vector<std::int32_t> places(const std::vector<domain::Ranked>& ranking) {
  std::vector<std::int32_t> out;
  for (const auto& ranked : ranking) out.push_back(ranked.index);
  return out;
}

TEST(Ranking, TheBestFirstAndEqualOnesInTheirOrder) {
  const std::vector<float> values{-1, 2, 0, 2, -3};
  EXPECT_EQ(places(ranking(values, Scale::kRaw, {})), (std::vector<std::int32_t>{1, 3, 2, 0, 4}));
  EXPECT_EQ(places(ranking(values, Scale::kRaw, 2)), (std::vector<std::int32_t>{1, 3}));
  EXPECT_EQ(ranking(values, Scale::kRaw, 99).size(), 5U);
  EXPECT_TRUE(ranking(values, Scale::kRaw, 0).empty());
  EXPECT_TRUE(ranking({}, Scale::kProbability, {}).empty());
}

TEST(Ranking, ScoresAreTheValuesOrTheirSigmoid) {
  const std::vector<float> values{0, -0.392F, 1000, -1000};
  const auto raw = ranking(values, Scale::kRaw, {});
  EXPECT_EQ(raw[0].score, 1000);
  EXPECT_EQ(raw[2].score, -0.392F);
  const auto scaled = ranking(values, Scale::kProbability, {});
  EXPECT_FLOAT_EQ(scaled[0].score, 1);
  EXPECT_FLOAT_EQ(scaled[1].score, 0.5F);
  EXPECT_NEAR(scaled[2].score, 0.403236, 1e-6);
  EXPECT_FLOAT_EQ(scaled[3].score, 0);
}

TEST(Ranking, LogitsWhoseProbabilitiesAreTheSameKeepTheirOrder) {
  EXPECT_EQ(places(ranking(std::vector<float>{40, 60, 50}, Scale::kProbability, {})),
            (std::vector<std::int32_t>{1, 2, 0}));
}

TEST(Classes, SharesOfOneOrTheValues) {
  const std::vector<float> values{1, 3, 2};
  const std::vector<std::string> labels{"sad", "glad"};
  const auto shares = classes(values, Scale::kProbability, labels);
  ASSERT_EQ(shares.size(), 3U);
  EXPECT_EQ(shares[0].label, "glad");
  EXPECT_EQ(shares[1].label, "LABEL_2");
  EXPECT_EQ(shares[2].label, "sad");
  EXPECT_NEAR(shares[0].score, 0.665241, 1e-6);
  EXPECT_NEAR(shares[0].score + shares[1].score + shares[2].score, 1, 1e-6);
  EXPECT_EQ(classes(values, Scale::kRaw, labels)[0].score, 3);
  EXPECT_NEAR(classes(std::vector<float>{1000, 0}, Scale::kProbability, {})[0].score, 1, 1e-6) << "no overflow";
}

TEST(Classes, OneValueIsAProbabilityByItself) {
  EXPECT_NEAR(classes(std::vector<float>{-0.392F}, Scale::kProbability, {})[0].score, 0.403236, 1e-6);
}

}  // namespace
}  // namespace hearth::engine::core
