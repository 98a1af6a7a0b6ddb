#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace hearth::engine::core {

// Tokens of prompts that a step takes in even if the running sequences use up its budget, so that no prompt waits for
// ever.
inline constexpr std::int32_t kPrefillTokensMin = 16;

struct StepLimits {
  std::int32_t step_tokens = 512;   // budget of the step
  std::int32_t batch_tokens = 512;  // what one decode of the model takes: never exceeded
  std::int32_t prefill_tokens = std::numeric_limits<std::int32_t>::max();  // lowered when cells are short
  std::size_t first = 0;  // where to begin among the sequences that decode, if not all of them fit
};

// `tokens` of sequence `index` belong to the step.
struct Share {
  std::size_t index = 0;
  std::int32_t tokens = 0;
  friend bool operator==(const Share&, const Share&) = default;
};

// Divides one step among sequences. `remaining`: tokens that each still has to evaluate, oldest sequence first; 1 = it
// decodes. Decoding sequences first, one token each. Of what is left of the budget the oldest prompt gets half, so that
// each arrives some time; the other half goes to those that are done soonest. Writes to `out` (emptied first; no
// allocation once it has grown).
void plan_step(std::span<const std::int32_t> remaining, const StepLimits& limits, std::vector<Share>& out);

}  // namespace hearth::engine::core
