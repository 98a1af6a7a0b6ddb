#pragma once

#include <vector>

#include "engine/core/sampling/candidates.hpp"

namespace hearth::engine::core {

// adaptive-p: draws tokens whose probability is near a target, which moves so that the average of what was drawn keeps
// to adaptive_target. Semantics: llama.cpp's llama_sampler_adaptive_p.
class AdaptiveP {
 public:
  explicit AdaptiveP(const domain::Sampling& settings);

  void reserve(std::size_t count) { original_.reserve(count); }
  void apply(Candidates& candidates);
  // The token that was drawn of what apply() left.
  void observe(const Candidates& candidates, domain::Token token);

 private:
  double target_;
  double decay_;
  double sum_;                   // of the probabilities drawn, each weighted by decay to its age
  double weight_;                // of all of them
  std::vector<float> original_;  // probabilities before apply(), in the order of the candidates
};

}  // namespace hearth::engine::core
