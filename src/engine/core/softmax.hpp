#pragma once

#include <cstddef>
#include <span>

namespace hearth::engine::core {

// Passes over a row of logits, written so that a compiler turns them into vector code. No NaN, no plus infinity in a
// row.

inline constexpr std::size_t kSoftmaxBlock = 64;

// e^x for x <= 0, within 2e-7 of it; 0 below -87. The same on every platform, unlike std::exp.
[[nodiscard]] float exp_of(float x);
[[nodiscard]] float max_of(std::span<const float> row);  // minus infinity for an empty one
// The first index of the largest value.
[[nodiscard]] std::size_t index_of_max(std::span<const float> row);
// NaN becomes minus infinity, plus infinity the largest number.
void make_finite(std::span<float> row);
// Sum of e^((x - most) * scale). REQUIRES: most = max_of(row), finite.
[[nodiscard]] double sum_exp(std::span<const float> row, float most, float scale);

}  // namespace hearth::engine::core
