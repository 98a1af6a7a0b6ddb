#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "domain/request.hpp"

namespace hearth::engine::core {

// The last tokens of a sequence.
class TokenWindow {
 public:
  // Negative: all of them.
  explicit TokenWindow(std::int32_t length) : length_(length < 0 ? SIZE_MAX : static_cast<std::size_t>(length)) {
    tokens_.reserve(std::min(length_, kReserve));
  }

  // Gives the token that leaves.
  std::optional<domain::Token> push(domain::Token token) {
    if (length_ == 0) return token;
    if (tokens_.size() < length_) {
      tokens_.push_back(token);
      return std::nullopt;
    }
    const domain::Token oldest = tokens_[next_];
    tokens_[next_] = token;
    next_ = next_ + 1 == length_ ? 0 : next_ + 1;
    return oldest;
  }

  [[nodiscard]] std::size_t size() const { return tokens_.size(); }
  // 0 is the newest. REQUIRES: i < size().
  [[nodiscard]] domain::Token back(std::size_t i) const {
    return i < next_ ? tokens_[next_ - 1 - i] : tokens_[tokens_.size() - 1 - (i - next_)];
  }

 private:
  // A longer window grows as it fills: a client's number must not decide how much is allocated at once.
  static constexpr std::size_t kReserve = 4096;
  std::size_t length_;
  std::vector<domain::Token> tokens_;  // a ring once it is full
  std::size_t next_ = 0;               // the oldest of a full ring
};

}  // namespace hearth::engine::core
