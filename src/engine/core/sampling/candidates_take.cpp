#include <cmath>

#include "engine/core/sampling/candidates.hpp"
#include "engine/core/sampling/softmax.hpp"

namespace hearth::engine::core {

// A heap with the least probable of them on top; most blocks hold nothing better.
void select_top(std::span<const float> row, std::size_t count, std::vector<Candidate>& out) {
  out.clear();
  for (std::size_t block = 0; block < row.size(); block += kSoftmaxBlock) {
    const auto part = row.subspan(block, std::min(kSoftmaxBlock, row.size() - block));
    if (out.size() == count && max_of(part) <= out.front().logit) continue;  // an equal one has the higher id
    for (std::size_t i = 0; i < part.size(); ++i) {
      if (out.size() == count) {
        if (part[i] <= out.front().logit) continue;
        std::ranges::pop_heap(out, before);
        out.pop_back();
      }
      out.push_back({.id = static_cast<domain::Token>(block + i), .logit = part[i]});
      std::ranges::push_heap(out, before);
    }
  }
  std::ranges::sort_heap(out, before);
}

void Candidates::take_all(std::span<const float> row) {
  items_.resize(row.size());
  for (std::size_t i = 0; i < row.size(); ++i) items_[i] = {.id = static_cast<domain::Token>(i), .logit = row[i]};
  begin(0);
}

void Candidates::take_top(std::span<const float> row, std::size_t count) {
  if (count > kHeapMost || count >= row.size()) {
    take_all(row);
    return cut_top_k(count);
  }
  select_top(row, std::max<std::size_t>(count, 1), items_);
  begin(items_.size());
}

void Candidates::take_for_top_p(std::span<const float> row, double p, std::size_t min_keep) {
  constexpr std::size_t kHead = 256;
  const float best = max_of(row);
  if (row.size() <= kHead || min_keep > kHead || best == kImpossible) return take_all(row);
  take_top(row, kHead);
  const double sum = sum_exp(row, best, 1);
  double mass = 0;
  for (auto& c : items_) {
    c.p = static_cast<float>(static_cast<double>(exp_of(c.logit - best)) / sum);
    mass += static_cast<double>(c.p);
  }
  if (mass < p) return take_all(row);
  normalised_ = true;
}

void Candidates::take_for_min_p(std::span<const float> row, double p, std::size_t min_keep) {
  take_from(row, max_of(row) + log_min_p(p));
  if (items_.size() < min_keep) take_top(row, min_keep);
}

void Candidates::take_from(std::span<const float> row, float least) {
  items_.clear();
  least = std::min(least, max_of(row));
  for (std::size_t block = 0; block < row.size(); block += kSoftmaxBlock) {
    const auto part = row.subspan(block, std::min(kSoftmaxBlock, row.size() - block));
    if (max_of(part) < least) continue;
    for (std::size_t i = 0; i < part.size(); ++i) {
      if (part[i] >= least) items_.push_back({.id = static_cast<domain::Token>(block + i), .logit = part[i]});
    }
  }
  begin(0);
}

void Candidates::take_top_n_sigma(std::span<const float> row, double n) {
  const float best = max_of(row);
  take_from(row, best - static_cast<float>(n * deviation_of(row)));
  masked_ = row.size() - items_.size();
}

}  // namespace hearth::engine::core
