#pragma once

#include <span>

#include "engine/core/sampling/candidates.hpp"

namespace hearth::engine::core {

// Mirostat 1 and 2 (Basu et al. 2020): cuts so that the surprise of what is drawn stays near tau. As in llama.cpp, with
// m = 100.
class Mirostat {
 public:
  explicit Mirostat(const domain::Sampling& settings);

  // What may be drawn, its logits times `scale`.
  void select(std::span<const float> row, float scale, Candidates& out) const;
  // The probability that the drawn token had among what was selected.
  void observe(double p);

 private:
  [[nodiscard]] std::size_t count_of(std::span<const Candidate> head, float scale, std::size_t vocab_size) const;

  std::int32_t version_;
  double tau_;
  double eta_;
  double mu_;  // bits
};

}  // namespace hearth::engine::core
