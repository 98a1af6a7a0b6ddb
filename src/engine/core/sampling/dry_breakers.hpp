#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/guarded.hpp"
#include "engine/core/vocab.hpp"

namespace hearth::engine::core {

// Where DRY ends a repetition, in tokens of one vocabulary: a token that ends in (part of) a breaker, and the tokens of
// what the breaker still lacks then.
class DryBreakers {
 public:
  struct Breaker {
    domain::Token head = 0;
    domain::Tokens tail;  // empty: the token has the whole breaker
    friend auto operator<=>(const Breaker&, const Breaker&) = default;
  };
  explicit DryBreakers(std::vector<Breaker> breakers);

  [[nodiscard]] std::span<const Breaker> beginning_with(domain::Token token) const;
  [[nodiscard]] bool is_whole(domain::Token token) const;

 private:
  std::vector<Breaker> sorted_;
};

// Looks breakers up in a vocabulary; keeps what it found last. Thread-safe. REQUIRES: the vocabulary outlives it.
class DryBreakerFinder {
 public:
  explicit DryBreakerFinder(const Vocab& vocab) : vocab_(vocab) {}

  // Of each text at most the first 40 bytes count, of each tail 20 tokens, as in llama.cpp.
  [[nodiscard]] std::shared_ptr<const DryBreakers> find(const std::vector<std::string>& texts);

 private:
  struct Known {
    std::shared_ptr<const std::vector<std::string>> pieces;  // of all tokens; shared with who searches them meanwhile
    std::vector<std::pair<std::vector<std::string>, std::shared_ptr<const DryBreakers>>> found;  // oldest first
  };
  [[nodiscard]] std::vector<DryBreakers::Breaker> search(const std::vector<std::string>& pieces,
                                                         const std::vector<std::string>& texts) const;

  const Vocab& vocab_;
  base::Guarded<Known> known_;
};

}  // namespace hearth::engine::core
