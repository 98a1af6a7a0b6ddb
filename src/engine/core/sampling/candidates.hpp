#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "domain/request.hpp"

namespace hearth::engine::core {

struct Candidate {
  domain::Token id = 0;
  float logit = 0;
  float p = 0;
};

// The order of all stages: most probable first, lower id among equals.
[[nodiscard]] inline bool before(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
}

// The `count` most probable tokens of a row, in order.
void select_top(std::span<const float> row, std::size_t count, std::vector<Candidate>& out);

inline constexpr std::size_t kHeapMost = 4096;  // a heap of more is slower than a partial sort

// What a chain of samplers has left of the vocabulary: never nothing. Sorts and normalises as late and as little as its
// stages ask. Not thread-safe. Rows: no NaN, no plus infinity, one logit per token, at least one. Stages as in
// llama.cpp (src/llama-sampler.cpp), with sums in double; min_keep 0 counts as 1. No allocation beyond reserve().
class Candidates {
 public:
  void reserve(std::size_t count) { items_.reserve(count); }

  // candidates_take.cpp: the start, from a row of logits. Each forgets what was there.
  void take_all(std::span<const float> row);
  void take_top(std::span<const float> row, std::size_t count);
  // The head of the row with its true probabilities, if that has the mass `p`; else the whole row.
  void take_for_top_p(std::span<const float> row, double p, std::size_t min_keep);
  void take_for_min_p(std::span<const float> row, double p, std::size_t min_keep);
  void take_top_n_sigma(std::span<const float> row, double n);
  // Those with at least this logit, and the most probable one.
  void take_from(std::span<const float> row, float least);

  // candidates_cut.cpp
  void cut_top_k(std::size_t count);
  void cut_top_p(double p, std::size_t min_keep);
  void cut_min_p(double p, std::size_t min_keep);
  void cut_typical(double p, std::size_t min_keep);
  void cut_top_n_sigma(double n);
  void cut_xtc(double threshold, std::size_t min_keep);

  // candidates.cpp
  // The temperature; with a range, by the entropy. 0 leaves the most probable one.
  void heat(double temperature, double range, double exponent);
  // Times `factor`, as distances to the best logit: no overflow however small a temperature is.
  void scale(float factor);
  // p of all, of sum 1.
  void normalise();
  // p of all in proportion; gives their sum: 0 where nothing is possible, and then all are alike.
  double weigh();
  [[nodiscard]] double entropy();  // nats

  // Gives each logit anew, one after the other: change(id, logit).
  template <class Change>
  void adjust(const Change& change) {
    for (auto& c : items_) c.logit = change(c.id, c.logit + offset_);
    offset_ = 0;
    changed();
  }
  // Only what `keep` says stays, if anything does.
  template <class Keep>
  void filter(const Keep& keep) {
    if (std::ranges::none_of(items_, keep)) return;
    std::erase_if(items_, [&keep](const Candidate& c) { return !keep(c); });
    masked_ = 0;
    changed();
  }
  // The first `count` stand in order, before all others.
  void sort_top(std::size_t count) { sort_to(count, before); }
  // One token, and nothing else.
  void become(domain::Token token);

  [[nodiscard]] std::span<Candidate> items() { return items_; }
  [[nodiscard]] std::span<const Candidate> items() const { return items_; }
  // Those that llama.cpp would still have: with the ones that a stage made impossible but did not take away.
  [[nodiscard]] std::size_t counted() const { return items_.size() + masked_; }

 private:
  [[nodiscard]] float most() const;
  void begin(std::size_t sorted);
  void changed() {
    sorted_ = 0;
    normalised_ = false;
  }
  void keep(std::size_t count);
  void keep_from(float least);
  [[nodiscard]] std::size_t find_mass(std::size_t begin, double p);
  template <class Order>
  void sort_to(std::size_t count, const Order& order);

  std::vector<Candidate> items_;
  float offset_ = 0;  // what the logits lack: only their differences matter to most stages
  std::size_t masked_ = 0;
  std::size_t sorted_ = 0;   // so many of items_ are in order, before all others
  bool normalised_ = false;  // p of all is up to date
};

// Brings the first `count` of an order to the front. The first sorted_ are there already.
template <class Order>
void Candidates::sort_to(std::size_t count, const Order& order) {
  if (count <= sorted_) return;
  const auto begin = items_.begin() + static_cast<std::ptrdiff_t>(sorted_);
  sorted_ = std::min(count, items_.size());
  const auto end = items_.begin() + static_cast<std::ptrdiff_t>(sorted_);
  if (end != items_.end()) std::ranges::nth_element(begin, end, items_.end(), order);
  std::ranges::sort(begin, end, order);
}

}  // namespace hearth::engine::core
