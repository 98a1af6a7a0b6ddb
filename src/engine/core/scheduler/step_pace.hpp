#pragma once

#include <array>
#include <chrono>
#include <cstdint>

namespace hearth::engine::core {

// How much of waiting prompts a step may take in, so that the streams that run beside them keep their pace: learnt from
// what the steps before took. A token of a prompt costs more the deeper it lies, and in small chunks more than in large
// ones: each is learnt apart. Not thread-safe.
class StepPace {
 public:
  // What kernels on CPUs need at least to work at full speed: a chunk of this size may take longer than the target.
  static constexpr std::int32_t kChunk = 64;
  // So that every prompt arrives, whatever the streams cost.
  static constexpr std::int32_t kLeast = 8;

  // `target`: what steps should take, 0 = whatever they take; `limit`: what one may take for the sake of kChunk.
  StepPace(std::chrono::nanoseconds target, std::chrono::nanoseconds limit)
      : target_(static_cast<double>(target.count())), limit_(static_cast<double>(limit.count())) {}

  struct Step {
    std::int32_t decoding = 0;  // streams that take one token
    std::int32_t prefill = 0;   // tokens of prompts
    std::int32_t depth = 0;     // the farthest of these in its sequence
  };
  // Tokens of prompts for a step beside `decoding` streams; at most `most`.
  [[nodiscard]] std::int32_t prefill_tokens(std::int32_t decoding, std::int32_t depth, std::int32_t most) const;
  // What a step took.
  void record(const Step& step, std::chrono::nanoseconds took);

 private:
  // Nanoseconds per token of a prompt by its depth, powers of two; 0: not known yet.
  using Costs = std::array<double, 16>;
  [[nodiscard]] static std::size_t band(std::int32_t depth);
  [[nodiscard]] static double cost(const Costs& costs, std::int32_t depth);
  [[nodiscard]] double decode_cost(std::int32_t decoding) const;

  double target_;  // nanoseconds
  double limit_;
  Costs large_{};  // in chunks of kChunk and more
  Costs small_{};
  double decode_step_ = 0;     // nanoseconds of a step that only decodes
  std::int32_t decoding_ = 0;  // this many streams
};

}  // namespace hearth::engine::core
