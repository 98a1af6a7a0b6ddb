#include "engine/core/scheduler/step_plan.hpp"

#include <algorithm>

namespace hearth::engine::core {

void plan_step(std::span<const std::int32_t> remaining, const StepLimits& limits, std::vector<Share>& out) {
  out.clear();
  std::int32_t room = limits.batch_tokens;
  const std::size_t count = remaining.size();
  for (std::size_t i = 0; i < count && room > 0; ++i) {
    const std::size_t index = (limits.first + i) % count;
    if (remaining[index] != 1) continue;
    out.push_back({.index = index, .tokens = 1});
    --room;
  }
  const auto decoding = static_cast<std::int32_t>(out.size());
  const std::int32_t left = std::max(limits.step_tokens - decoding, kPrefillTokensMin);
  std::int32_t prefill = std::min({left, room, limits.prefill_tokens});
  for (std::size_t i = 0; i < count && prefill > 0; ++i) {
    if (remaining[i] <= 1) continue;
    const std::int32_t tokens = std::min(remaining[i], prefill);
    out.push_back({.index = i, .tokens = tokens});
    prefill -= tokens;
  }
}

}  // namespace hearth::engine::core
