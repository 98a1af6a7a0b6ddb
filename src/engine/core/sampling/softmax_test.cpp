#include "engine/core/sampling/softmax.hpp"

#include <cmath>
#include <gtest/gtest.h>
#include <random>
#include <vector>

namespace hearth::engine::core {
namespace {

std::vector<float> some_logits(std::size_t count, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<float> out(count);
  for (auto& l : out) l = static_cast<float>(random() % 10000) / 1250.0F - 4.0F;
  return out;
}

TEST(Softmax, ExpIsCloseAndEndsAtZero) {
  for (int i = 0; i < 2345; ++i) {
    const float x = -0.0371F * static_cast<float>(i);
    ASSERT_NEAR(exp_of(x) / std::exp(x), 1, 3e-7) << x;
  }
  EXPECT_EQ(exp_of(0), 1);
  EXPECT_EQ(exp_of(-88), 0);
  EXPECT_EQ(exp_of(kImpossible), 0);
}

TEST(Softmax, OddSizes) {
  for (std::size_t size = 1; size < 70; ++size) {
    auto row = some_logits(size, static_cast<std::uint32_t>(size));
    row[size - 1] = 9;
    EXPECT_EQ(index_of_max(row), size - 1);
    double sum = 0;
    for (const float x : row) sum += std::exp((static_cast<double>(x) - 9) / 2);
    EXPECT_NEAR(sum_exp(row, 9, 0.5F), sum, 1e-5 * sum);
    double mean = 0;
    for (const float x : row) mean += static_cast<double>(x) / static_cast<double>(size);
    double squares = 0;
    for (const float x : row) squares += (static_cast<double>(x) - mean) * (static_cast<double>(x) - mean);
    row.push_back(kImpossible);  // does not count
    EXPECT_NEAR(deviation_of(row), std::sqrt(squares / static_cast<double>(size)), 1e-5);
  }
}

TEST(Softmax, WhereNothingIsPossible) {
  const std::vector<float> row(20, kImpossible);
  EXPECT_EQ(log_sum_exp(row), 0);
  EXPECT_EQ(deviation_of(row), 0);
}

}  // namespace
}  // namespace hearth::engine::core
