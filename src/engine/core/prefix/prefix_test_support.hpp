#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "engine/core/prefix/saved_sequence.hpp"
#include "engine/core/prefix/test_folder.hpp"

namespace hearth::engine::core::test_support {

// Keeps the lines of a log.
class LinesLog final : public base::Log {
 public:
  [[nodiscard]] bool enabled(base::LogLevel) const override { return true; }
  void write(base::LogLevel, std::string_view line) override {
    const std::scoped_lock lock(mutex_);
    lines_.emplace_back(line);
  }
  [[nodiscard]] std::vector<std::string> lines() const {
    const std::scoped_lock lock(mutex_);
    return lines_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

// `count` tokens that begin with `first`, and a state of `bytes`.
inline SavedSequence sequence(domain::Token first, std::size_t count, std::size_t bytes,
                              std::vector<Position> checkpoints = {}) {
  SavedSequence out{.tokens = domain::Tokens(count, 1), .state = std::string(bytes, 's'), .checkpoints = {}};
  out.tokens.front() = first;
  for (const Position length : checkpoints)
    out.checkpoints.push_back(
        {.length = length, .state = std::make_shared<const std::string>("checkpoint " + std::to_string(length))});
  return out;
}

}  // namespace hearth::engine::core::test_support
