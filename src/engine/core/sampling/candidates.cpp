#include "engine/core/sampling/candidates.hpp"

#include <cmath>

#include "engine/core/sampling/softmax.hpp"

namespace hearth::engine::core {

float Candidates::most() const {
  return sorted_ > 0 ? items_.front().logit : std::ranges::max(items_, {}, &Candidate::logit).logit;
}

double Candidates::weigh() {
  const float best = most();
  normalised_ = false;
  if (best == kImpossible) {
    for (auto& c : items_) c.p = 1;
    return 0;
  }
  double sum = 0;
  for (auto& c : items_) {
    c.p = exp_of(c.logit - best);
    sum += static_cast<double>(c.p);
  }
  return sum;
}

void Candidates::normalise() {
  if (normalised_) return;
  double sum = weigh();
  if (sum == 0) sum = static_cast<double>(items_.size());
  for (auto& c : items_) c.p = static_cast<float>(static_cast<double>(c.p) / sum);
  normalised_ = true;
}

// -log p = log(sum) - (logit - best): no logarithm for each.
double Candidates::entropy() {
  normalise();
  const float best = most();
  if (best == kImpossible) return std::log(static_cast<double>(items_.size()));
  double mean = 0;
  double best_p = 0;
  for (const auto& c : items_) {
    if (c.p > 0) mean += static_cast<double>(c.p) * static_cast<double>(c.logit - best);
    best_p = std::max(best_p, static_cast<double>(c.p));
  }
  return -std::log(best_p) - mean;
}

void Candidates::heat(double temperature, double range, double exponent) {
  if (range > 0) {
    if (counted() <= 1) return;
    const double coldest = std::max(temperature - range, 0.0);
    const double share = std::clamp(entropy() / std::log(static_cast<double>(counted())), 0.0, 1.0);
    temperature = coldest + (temperature + range - coldest) * std::pow(share, exponent);
  }
  if (temperature > 0) return scale(scale_of(temperature));
  std::iter_swap(items_.begin(), std::ranges::min_element(items_, before));
  sorted_ = 1;
  keep(1);
}

void Candidates::scale(float factor) {
  const float best = most();
  if (best == kImpossible) return;
  for (auto& c : items_) c.logit = (c.logit - best) * factor;
  offset_ = (offset_ + best) * factor;
  if (!std::isfinite(offset_)) offset_ = 0;
  normalised_ = false;
}

void Candidates::become(domain::Token token) {
  items_.clear();
  items_.push_back({.id = token, .p = 1});
  begin(1);
}

void Candidates::begin(std::size_t sorted) {
  offset_ = 0;
  masked_ = 0;
  sorted_ = sorted;
  normalised_ = false;
}

// Keeps the first `count`, at least one. What is masked comes after all others.
void Candidates::keep(std::size_t count) {
  count = std::max<std::size_t>(count, 1);
  masked_ = std::min(masked_, count - std::min(count, items_.size()));
  if (count >= items_.size()) return;
  items_.resize(count);
  sorted_ = std::min(sorted_, count);
  normalised_ = false;
}

void Candidates::keep_from(float least) {
  const auto enough = [least](const Candidate& c) { return c.logit >= least; };
  if (sorted_ == items_.size()) {
    const auto end = std::ranges::partition_point(items_, enough);
    return keep(static_cast<std::size_t>(end - items_.begin()));
  }
  if (std::erase_if(items_, [&](const Candidate& c) { return !enough(c); }) == 0) return;
  sorted_ = std::min(sorted_, items_.size());
  normalised_ = false;
}

}  // namespace hearth::engine::core
