#include "engine/core/scheduler/step_plan.hpp"

#include <algorithm>

namespace hearth::engine::core {
namespace {

void share_among_prompts(std::span<const std::int32_t> remaining, std::int32_t budget, std::vector<Share>& out) {
  const auto oldest = std::ranges::find_if(remaining, [](std::int32_t r) { return r > 1; });
  if (budget <= 0 || oldest == remaining.end()) return;
  const std::size_t first = out.size();
  out.push_back(
      {.index = static_cast<std::size_t>(oldest - remaining.begin()), .tokens = std::min(*oldest, (budget + 1) / 2)});
  budget -= out.back().tokens;
  while (budget > 0) {
    // The one that is done soonest of those that have nothing yet; of equal ones the oldest.
    std::size_t next = remaining.size();
    for (std::size_t i = out[first].index + 1; i < remaining.size(); ++i) {
      const bool has = std::any_of(out.begin() + static_cast<std::ptrdiff_t>(first), out.end(),
                                   [i](const Share& s) { return s.index == i; });
      if (remaining[i] > 1 && !has && (next == remaining.size() || remaining[i] < remaining[next])) next = i;
    }
    if (next == remaining.size()) break;
    out.push_back({.index = next, .tokens = std::min(remaining[next], budget)});
    budget -= out.back().tokens;
  }
  out[first].tokens += std::min(budget, *oldest - out[first].tokens);
}

}  // namespace

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
  share_among_prompts(remaining, std::min({left, room, limits.prefill_tokens}), out);
}

}  // namespace hearth::engine::core
