#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "base/result.hpp"

namespace hearth::chat::go {

struct Limits {
  std::uint64_t steps = 10'000'000;  // nodes and words that are evaluated
  std::uint64_t bytes = 64 << 20;    // of text that is made, in the output and on the way
  int depth = 250;                   // blocks, templates and brackets within each other
};

// What one rendering may use up. Templates come from strangers.
class Budget {
 public:
  Budget(const Limits& limits, std::chrono::system_clock::time_point now) : left_(limits), now_(now) {}

  [[nodiscard]] Result<void> spend(std::uint64_t steps = 1) {
    if (steps > left_.steps) return fail(ErrorCode::kInvalidRequest, "the template takes too many steps");
    left_.steps -= steps;
    return {};
  }
  // Looking at text is work too.
  [[nodiscard]] Result<void> read(std::size_t bytes) { return spend(bytes / kBytesPerStep); }
  [[nodiscard]] Result<void> write(std::size_t bytes) {
    if (bytes > left_.bytes) return fail(ErrorCode::kInvalidRequest, "the template writes too much text");
    left_.bytes -= bytes;
    return {};
  }
  [[nodiscard]] std::chrono::system_clock::time_point now() const { return now_; }
  [[nodiscard]] int depth() const { return left_.depth; }

 private:
  static constexpr std::size_t kBytesPerStep = 256;
  Limits left_;
  std::chrono::system_clock::time_point now_;
};

}  // namespace hearth::chat::go
