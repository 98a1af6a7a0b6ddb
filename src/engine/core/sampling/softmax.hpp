#pragma once

#include <cstddef>
#include <limits>
#include <span>

namespace hearth::engine::core {

// Passes over a row of logits, written so that a compiler turns them into vector code. No NaN, no plus infinity in a
// row.

inline constexpr std::size_t kSoftmaxBlock = 64;
inline constexpr float kImpossible = -std::numeric_limits<float>::infinity();

// e^x for x <= 0, within 2e-7 of it; 0 below -87. The same on every platform, unlike std::exp.
[[nodiscard]] float exp_of(float x);
[[nodiscard]] float max_of(std::span<const float> row);  // minus infinity for an empty one
// The first index of the largest value.
[[nodiscard]] std::size_t index_of_max(std::span<const float> row);
// NaN becomes minus infinity, plus infinity the largest number.
void make_finite(std::span<float> row);
// Sum of e^((x - most) * scale). REQUIRES: most = max_of(row), finite.
[[nodiscard]] double sum_exp(std::span<const float> row, float most, float scale);
[[nodiscard]] double log_sum_exp(std::span<const float> row);  // 0 where nothing is possible
// Standard deviation of what is possible; 0 where nothing is.
[[nodiscard]] double deviation_of(std::span<const float> row);
// What a logit may be below the best one for a min_p; of one above 1 the best is left.
[[nodiscard]] float log_min_p(double p);
// What distances to the best logit are multiplied by. REQUIRES: temperature > 0.
[[nodiscard]] float scale_of(double temperature);

}  // namespace hearth::engine::core
