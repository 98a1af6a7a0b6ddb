#include "engine/core/scheduler/step_pace.hpp"

#include <algorithm>
#include <bit>

namespace hearth::engine::core {
namespace {

// What large chunks cost is forgotten slowly while there are none, and is never more than what small ones cost: a
// machine that was busy once is tried again.
constexpr double kForget = 0.997;

void learn(double& average, double value) { average = average <= 0 ? value : (average + value) / 2; }

}  // namespace

std::size_t StepPace::band(std::int32_t depth) {
  constexpr unsigned kFirst = 256;
  const auto bits = static_cast<std::size_t>(std::bit_width(static_cast<unsigned>(std::max(depth, 0)) / kFirst));
  return std::min(bits, Costs{}.size() - 1);
}

// Of a depth that was never seen: what the next lower one costs, else the next higher one.
double StepPace::cost(const Costs& costs, std::int32_t depth) {
  const std::size_t at = band(depth);
  for (std::size_t i = at + 1; i-- > 0;) {
    if (costs[i] > 0) return costs[i];
  }
  const auto* const higher = std::ranges::find_if(costs, [](double c) { return c > 0; });
  return higher == costs.end() ? 0 : *higher;
}

// Fewer streams than were seen last cost in proportion, more at least as much.
double StepPace::decode_cost(std::int32_t decoding) const {
  if (decoding <= 0 || decoding_ == 0) return 0;
  return decode_step_ * std::min(1.0, static_cast<double>(decoding) / decoding_);
}

std::int32_t StepPace::prefill_tokens(std::int32_t decoding, std::int32_t depth, std::int32_t most) const {
  if (target_ <= 0 || decoding == 0) return most;
  const double large = cost(large_, depth);
  if (large <= 0) return std::min(most, kChunk);  // the first chunk tells
  const double decode = decode_cost(decoding);
  const double left = std::max(target_ - decode, 0.0);
  if (const double tokens = left / large; tokens >= kChunk)
    return static_cast<std::int32_t>(std::min(tokens, static_cast<double>(most)));
  if (decode + large * kChunk <= limit_) return std::min(most, kChunk);
  const double small = cost(small_, depth) > 0 ? cost(small_, depth) : large;
  return std::min(most, std::clamp(static_cast<std::int32_t>(left / small), kLeast, kChunk - 1));
}

void StepPace::record(const Step& step, std::chrono::nanoseconds took) {
  const auto time = static_cast<double>(took.count());
  if (step.prefill <= 0) {
    if (step.decoding == decoding_)
      learn(decode_step_, time);
    else
      decode_step_ = time;
    decoding_ = step.decoding;
    return;
  }
  // What the streams took is only guessed; what is wrong in it is wrong in the prediction too, and cancels out.
  const double per_token = std::max(time - decode_cost(step.decoding), time / 4) / step.prefill;
  const std::size_t at = band(step.depth);
  if (step.prefill >= kChunk) {
    learn(large_[at], per_token);
  } else {
    learn(small_[at], per_token);
    large_[at] = std::min(large_[at] * kForget, small_[at]);
  }
}

}  // namespace hearth::engine::core
