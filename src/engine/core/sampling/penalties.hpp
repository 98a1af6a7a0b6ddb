#pragma once

#include <span>
#include <vector>

#include "engine/core/sampling/candidates.hpp"
#include "engine/core/sampling/token_window.hpp"

namespace hearth::engine::core {

// repeat_penalty, presence_penalty and frequency_penalty over the last repeat_last_n tokens, as in llama.cpp.
class Penalties {
 public:
  Penalties(const domain::Sampling& settings, std::int32_t vocab_size);

  [[nodiscard]] static bool wanted(const domain::Sampling& settings);
  // REQUIRES: 0 <= token < vocab_size.
  void accept(domain::Token token);
  void apply(std::span<float> row) const;
  void apply(Candidates& candidates) const;

 private:
  [[nodiscard]] float penalised(domain::Token token, float logit) const;

  float repeat_;
  float frequency_;
  float presence_;
  bool forgets_;
  TokenWindow window_;
  std::vector<std::int32_t> counts_;  // [vocab], in the window
  std::vector<domain::Token> seen_;   // those with a count
};

}  // namespace hearth::engine::core
