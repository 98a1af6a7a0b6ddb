#include "engine/core/sampling/softmax.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>

namespace hearth::engine::core {
namespace {

constexpr std::size_t kLanes = 16;

// 2^n times a polynomial of the rest (coefficients: Cephes, expf).
inline float exp_inline(float x) {
  constexpr float kRound = 12582912.0F;  // 1.5 x 2^23: adding it rounds to an integer
  const float bounded = x < -87.0F ? -87.0F : x;
  const float n = (bounded * 1.44269504F + kRound) - kRound;
  const float r = (bounded - n * 0.693359375F) + n * 2.12194440e-4F;
  float p = 1.9875691500e-4F;
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * r * r + r + 1.0F;
  const float scaled = p * std::bit_cast<float>((static_cast<std::int32_t>(n) + 127) << 23);
  return x < -87.0F ? 0.0F : scaled;
}

}  // namespace

float exp_of(float x) { return exp_inline(x); }

float max_of(std::span<const float> row) {
  std::array<float, kLanes> most;
  most.fill(kImpossible);
  const std::size_t whole = row.size() - row.size() % kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes) {
    for (std::size_t j = 0; j < kLanes; ++j) most[j] = row[i + j] > most[j] ? row[i + j] : most[j];
  }
  float out = *std::ranges::max_element(most);
  for (std::size_t i = whole; i < row.size(); ++i) out = std::max(out, row[i]);
  return out;
}

std::size_t index_of_max(std::span<const float> row) {
  float most = kImpossible;
  std::size_t best = 0;
  for (std::size_t block = 0; block < row.size(); block += kSoftmaxBlock) {
    const float here = max_of(row.subspan(block, std::min(kSoftmaxBlock, row.size() - block)));
    if (here <= most) continue;
    most = here;
    best = block;
  }
  const auto from = row.subspan(best);
  return best + static_cast<std::size_t>(std::ranges::find(from, most) - from.begin());
}

void make_finite(std::span<float> row) {
  constexpr float kMost = std::numeric_limits<float>::max();
  for (float& x : row) {
    x = std::isnan(x) ? kImpossible : x;
    x = x > kMost ? kMost : x;
  }
}

double sum_exp(std::span<const float> row, float most, float scale) {
  std::array<double, kLanes> sums{};
  std::array<float, kSoftmaxBlock> terms;
  while (!row.empty()) {
    const std::size_t count = std::min(row.size(), kSoftmaxBlock);
    for (std::size_t i = 0; i < count; ++i) terms[i] = exp_inline((row[i] - most) * scale);
    for (std::size_t i = count; i < kSoftmaxBlock; ++i) terms[i] = 0;
    for (std::size_t i = 0; i < kSoftmaxBlock; i += kLanes) {
      for (std::size_t j = 0; j < kLanes; ++j) sums[j] += static_cast<double>(terms[i + j]);
    }
    row = row.subspan(count);
  }
  double out = 0;
  for (const double sum : sums) out += sum;
  return out;
}

double log_sum_exp(std::span<const float> row) {
  const float most = max_of(row);
  return most == kImpossible ? 0 : static_cast<double>(most) + std::log(sum_exp(row, most, 1));
}

double deviation_of(std::span<const float> row) {
  const auto mean_of = [row](const auto& value) {
    std::array<double, kLanes> sums{};
    std::array<double, kLanes> counts{};
    const std::size_t whole = row.size() - row.size() % kLanes;
    const auto add = [&](std::size_t lane, float x) {
      const bool possible = x != kImpossible;
      sums[lane] += possible ? value(static_cast<double>(x)) : 0.0;
      counts[lane] += possible ? 1.0 : 0.0;
    };
    for (std::size_t i = 0; i < whole; i += kLanes) {
      for (std::size_t j = 0; j < kLanes; ++j) add(j, row[i + j]);
    }
    for (std::size_t i = whole; i < row.size(); ++i) add(i - whole, row[i]);
    const double count = std::reduce(counts.begin(), counts.end());
    return count > 0 ? std::reduce(sums.begin(), sums.end()) / count : 0.0;
  };
  const double mean = mean_of([](double x) { return x; });
  return std::sqrt(mean_of([mean](double x) { return (x - mean) * (x - mean); }));
}

float log_min_p(double p) { return std::min(std::log(static_cast<float>(p)), 0.0F); }

float scale_of(double temperature) { return static_cast<float>(std::clamp(1 / temperature, 1e-30, 1e30)); }

}  // namespace hearth::engine::core
