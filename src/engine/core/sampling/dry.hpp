#pragma once

#include <memory>
#include <span>
#include <vector>

#include "engine/core/sampling/candidates.hpp"
#include "engine/core/sampling/dry_breakers.hpp"
#include "engine/core/sampling/token_window.hpp"

namespace hearth::engine::core {

// DRY: a token that would go on with a repetition of what the sequence ends with becomes the less probable the longer
// that is. Semantics: llama.cpp's llama_sampler_dry.
class Dry {
 public:
  // `breakers` null: none.
  Dry(const domain::DrySettings& settings, std::int32_t vocab_size, std::shared_ptr<const DryBreakers> breakers);

  // Whether the chain has it and it does something.
  [[nodiscard]] static bool wanted(const domain::Sampling& settings);
  // REQUIRES: 0 <= token < vocab_size.
  void accept(domain::Token token) { window_.push(token); }
  void apply(std::span<float> row);
  void apply(Candidates& candidates);

 private:
  static constexpr std::int32_t kNone = -1;

  void find_repetitions();
  [[nodiscard]] std::size_t repetition_max() const;
  void measure();
  void forget_repetitions();
  [[nodiscard]] float penalised(domain::Token token, float logit) const;

  domain::DrySettings settings_;
  std::shared_ptr<const DryBreakers> breakers_;  // of the engine's finder: all samplers of a request share them
  TokenWindow window_;
  std::vector<domain::Token> newest_first_;
  std::vector<std::size_t> matches_;   // from here on, so much is as at the end of the sequence
  std::vector<std::int32_t> longest_;  // [vocab]: the repetition that the token would go on with, or kNone
  std::vector<domain::Token> next_;    // those with one
};

}  // namespace hearth::engine::core
