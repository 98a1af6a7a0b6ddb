#include "engine/core/scores.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <numeric>

namespace hearth::engine::core {
namespace {

float sigmoid(float logit) { return static_cast<float>(1 / (1 + std::exp(-static_cast<double>(logit)))); }

std::vector<float> scaled(std::span<const float> logits, Scale scale) {
  std::vector<float> out(logits.begin(), logits.end());
  if (scale == Scale::kRaw || out.empty()) return out;
  if (out.size() == 1) return {sigmoid(out.front())};
  const double most = std::ranges::max(out);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - most);
  for (float& value : out) value = static_cast<float>(std::exp(static_cast<double>(value) - most) / sum);
  return out;
}

// Places of the values, the largest first; equal ones keep their order.
std::vector<std::size_t> falling(std::span<const float> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(
      order, [&](std::size_t a, std::size_t b) { return values[a] != values[b] ? values[a] > values[b] : a < b; });
  return order;
}

}  // namespace

std::vector<domain::Ranked> ranking(std::span<const float> values, Scale scale, std::optional<std::int32_t> top_n) {
  auto order = falling(values);  // by what the head gives: far out, different logits have the same probability
  if (top_n) order.resize(std::min(order.size(), static_cast<std::size_t>(std::max(*top_n, 0))));
  std::vector<domain::Ranked> out;
  out.reserve(order.size());
  for (const std::size_t i : order)
    out.push_back(
        {.index = static_cast<std::int32_t>(i), .score = scale == Scale::kRaw ? values[i] : sigmoid(values[i])});
  return out;
}

std::vector<domain::Classified::Class> classes(std::span<const float> values, Scale scale,
                                               std::span<const std::string> labels) {
  const auto scores = scaled(values, scale);
  std::vector<domain::Classified::Class> out;
  out.reserve(values.size());
  for (const std::size_t i : falling(values))
    out.push_back({.label = i < labels.size() ? labels[i] : fmt::format("LABEL_{}", i), .score = scores[i]});
  return out;
}

}  // namespace hearth::engine::core
