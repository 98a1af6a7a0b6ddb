#include <cmath>

#include "engine/core/sampling/candidates.hpp"
#include "engine/core/sampling/softmax.hpp"

namespace hearth::engine::core {
namespace {

constexpr std::size_t kFlat = 256;  // where so many do not have the mass, a great part of the vocabulary may be needed

}  // namespace

void Candidates::cut_top_k(std::size_t count) {
  if (count < items_.size()) sort_to(count, before);
  keep(count);
}

void Candidates::cut_top_p(double p, std::size_t min_keep) {
  normalise();
  double mass = 0;
  std::size_t kept = 0;
  while (kept < items_.size()) {
    if (kept >= kFlat && kept >= sorted_ && kept >= min_keep) return keep(find_mass(kept, p - mass));
    if (kept >= sorted_) sort_to(std::max(kSoftmaxBlock, kept * 4), before);  // most of the mass is in a few tokens
    mass += static_cast<double>(items_[kept++].p);
    if (mass >= p && kept >= min_keep) break;
  }
  keep(mass < p ? counted() : std::max(kept, min_keep));
}

// Where the most probable of the items from `begin` on, brought to the front but not sorted, have the mass `p`: halves
// what is left, so that a flat distribution takes no sorting of the vocabulary. counted(): nowhere.
std::size_t Candidates::find_mass(std::size_t begin, double p) {
  std::size_t end = items_.size();
  const auto at = [this](std::size_t i) { return items_.begin() + static_cast<std::ptrdiff_t>(i); };
  bool found = false;
  while (begin < end) {
    const std::size_t middle = begin + (end - begin) / 2;
    std::nth_element(at(begin), at(middle), at(end), before);
    double mass = 0;
    for (std::size_t i = begin; i <= middle; ++i) mass += static_cast<double>(items_[i].p);
    if (mass >= p) {
      found = true;
      end = middle;
    } else {
      p -= mass;
      begin = middle + 1;
    }
  }
  return found ? begin + 1 : counted();
}

void Candidates::cut_min_p(double p, std::size_t min_keep) {
  const float least = most() + log_min_p(p);
  if (min_keep > 1) {
    const auto enough = std::ranges::count_if(items_, [least](const Candidate& c) { return c.logit >= least; });
    if (static_cast<std::size_t>(enough) < min_keep) return cut_top_k(min_keep);
  }
  keep_from(least);
  masked_ = 0;
}

// Locally typical sampling (Meister et al. 2022): what is nearest to the distribution's entropy, up to the mass p.
void Candidates::cut_typical(double p, std::size_t min_keep) {
  const double uncertainty = entropy();
  // -log p = log(sum) - logit: the distance to the entropy is one of logits.
  const Candidate& best = *std::ranges::max_element(items_, {}, &Candidate::logit);
  const auto centre =
      static_cast<float>(static_cast<double>(best.logit) - std::log(static_cast<double>(best.p)) - uncertainty);
  const auto nearer = [centre](const Candidate& a, const Candidate& b) {
    const float da = std::abs(a.logit - centre);
    const float db = std::abs(b.logit - centre);
    return da != db ? da < db : before(a, b);
  };
  sorted_ = 0;
  double mass = 0;
  std::size_t kept = 0;
  while (kept < items_.size() && (mass <= p || kept < min_keep)) {
    if (kept >= sorted_) sort_to(std::max(kSoftmaxBlock, kept * 4), nearer);
    mass += static_cast<double>(items_[kept++].p);
  }
  sorted_ = 0;
  keep(mass <= p ? counted() : std::max(kept, min_keep));
}

// Top-n-sigma (Tang et al. 2024): what lies within n standard deviations of the logits below the best one.
void Candidates::cut_top_n_sigma(double n) {
  if (counted() <= 1) return;
  double sum = 0;
  std::size_t count = 0;
  for (const auto& c : items_) {
    if (c.logit == kImpossible) continue;
    sum += static_cast<double>(c.logit);
    ++count;
  }
  if (count == 0) return;
  const double mean = sum / static_cast<double>(count);
  double squares = 0;
  for (const auto& c : items_) {
    if (c.logit != kImpossible)
      squares += (static_cast<double>(c.logit) - mean) * (static_cast<double>(c.logit) - mean);
  }
  const std::size_t all = counted();
  keep_from(most() - static_cast<float>(n * std::sqrt(squares / static_cast<double>(count))));
  masked_ = all - items_.size();
}

// "Exclude top choices" (p-e-w 2024): of those with at least the probability `threshold` only the least probable stays.
void Candidates::cut_xtc(double threshold, std::size_t min_keep) {
  if (counted() < 2) return;
  normalise();
  const auto likely = [threshold](const Candidate& c) { return static_cast<double>(c.p) >= threshold; };
  const auto count = static_cast<std::size_t>(std::ranges::count_if(items_, likely));
  if (count < 2 || counted() - (count - 1) < min_keep) return;
  const Candidate* last = nullptr;
  for (const auto& c : items_) {
    if (likely(c) && (last == nullptr || before(*last, c))) last = &c;
  }
  const domain::Token stays = last->id;
  std::erase_if(items_, [&](const Candidate& c) { return likely(c) && c.id != stays; });
  sorted_ = sorted_ >= count ? sorted_ - (count - 1) : 0;
  normalised_ = false;
}

}  // namespace hearth::engine::core
