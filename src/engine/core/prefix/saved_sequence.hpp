#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "domain/request.hpp"
#include "engine/core/token_model.hpp"

namespace hearth::engine::core {

using SharedState = std::shared_ptr<const std::string>;  // shared by a sequence and what is saved of it

// A point of a sequence to which a model that cannot cut it back can return: the state of what cannot be cut
// (StatePart::kUncuttable) after its first `length` tokens.
struct Checkpoint {
  Position length = 0;
  SharedState state;
};

// A sequence outside the KV cache.
struct SavedSequence {
  domain::Tokens tokens;
  std::string state;                    // StatePart::kWhole, after all tokens
  std::vector<Checkpoint> checkpoints;  // shortest first

  [[nodiscard]] std::uint64_t bytes() const {
    std::uint64_t sum = tokens.size() * sizeof(domain::Token) + state.size();
    for (const auto& checkpoint : checkpoints) sum += checkpoint.state->size();
    return sum;
  }
};
using SharedSequence = std::shared_ptr<const SavedSequence>;  // a file of it may still be written when it is forgotten

[[nodiscard]] inline std::size_t common_length(std::span<const domain::Token> a, std::span<const domain::Token> b) {
  return static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

}  // namespace hearth::engine::core
