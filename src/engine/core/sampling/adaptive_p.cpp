#include "engine/core/sampling/adaptive_p.hpp"

#include <algorithm>
#include <cmath>

#include "engine/core/sampling/softmax.hpp"

namespace hearth::engine::core {

AdaptiveP::AdaptiveP(const domain::Sampling& settings)
    : target_(std::min(settings.adaptive_target, 1.0)),
      decay_(std::clamp(settings.adaptive_decay, 0.0, 0.99)),
      sum_(target_ / (1 - decay_)),
      weight_(1 / (1 - decay_)) {}

void AdaptiveP::apply(Candidates& candidates) {
  constexpr double kWidth = 0.3;
  constexpr double kPeak = 5;
  constexpr double kSharpness = 10;
  if (target_ < 0) return;
  candidates.normalise();
  original_.clear();
  for (const auto& c : candidates.items()) original_.push_back(c.p);
  const double wanted = std::clamp(2 * target_ - sum_ / weight_, 0.0, 1.0);
  std::size_t i = 0;
  // Quadratic near the target, linear far from it.
  candidates.adjust([&](domain::Token, float logit) {
    const double distance = std::abs(static_cast<double>(original_[i++]) - wanted) / kWidth;
    if (logit == kImpossible) return logit;
    return static_cast<float>(kPeak - kSharpness * distance * distance / (1 + distance));
  });
}

void AdaptiveP::observe(const Candidates& candidates, domain::Token token) {
  if (target_ < 0) return;
  const auto items = candidates.items();
  const auto drawn = std::ranges::find(items, token, &Candidate::id);
  if (drawn == items.end()) return;
  sum_ = static_cast<double>(original_[static_cast<std::size_t>(drawn - items.begin())]) + decay_ * sum_;
  weight_ = 1 + decay_ * weight_;
}

}  // namespace hearth::engine::core
