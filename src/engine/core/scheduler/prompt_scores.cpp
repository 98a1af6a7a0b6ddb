// What the model thinks of the prompt itself, and what it forgets where a context is full.
#include <algorithm>
#include <utility>

#include "engine/core/scheduler/scheduler.hpp"

namespace hearth::engine::core {
namespace {

constexpr std::int32_t kLeastShift = 4;  // tokens that a shift has to choose from

}  // namespace

// Whether some of the prompt's tokens have no probability yet.
bool Scheduler::scores_prompt(const Choice& choice) {
  return choice.scores && choice.scored + 1 < static_cast<std::int32_t>(choice.prompt_tokens);
}

// What each eligible choice would have evaluated in this step. Prompts that are scored share the rows that the others
// leave.
void Scheduler::want_tokens() {
  const auto scoring = static_cast<std::int32_t>(
      std::ranges::count_if(eligible_, [](const Choice* choice) { return scores_prompt(*choice); }));
  const auto others = static_cast<std::int32_t>(eligible_.size()) - scoring;
  const std::int32_t scored = std::max((kOutputRows - others) / std::max(scoring, 1), 1);
  remaining_.clear();
  for (const Choice* choice : eligible_)
    remaining_.push_back(scores_prompt(*choice) ? std::min(choice->remaining(), scored) : choice->remaining());
}

// Tokens whose evaluation may be taken from the cache. The last one's logits are needed, and of a prompt that is scored
// those of each token.
std::span<const domain::Token> Scheduler::reusable(const Choice& choice) {
  const std::size_t most = choice.tokens.size() - 1;
  return std::span(choice.tokens)
      .first(scores_prompt(choice) ? std::min(most, static_cast<std::size_t>(choice.scored)) : most);
}

// REQUIRES: the batch was recorded; it had `count` tokens of the choice from `batch_index` on.
void Scheduler::score(Choice& choice, std::size_t batch_index, std::int32_t count) {
  const std::int32_t from = choice.evaluated - count;
  for (std::int32_t i = 0; i < count && scores_prompt(choice); ++i) {
    if (from + i != choice.scored) continue;
    add_prompt_logprob(choice, model_.vocab(), model_.logits(batch_index + static_cast<std::size_t>(i)));
  }
}

// Forgets the older half of what stands after the tokens to be kept; what is left is evaluated again, at its new
// places. See docs/decisions/0014.
void Scheduler::shift(Choice& choice) {
  const PreparedGeneration& work = choice.job->generation;
  const std::int32_t bos = static_cast<std::int32_t>(model_.vocab().begin().size());
  const std::int32_t asked =
      work.keep_tokens < 0 ? choice.prompt_tokens : std::min(work.keep_tokens, choice.prompt_tokens) + bos;
  const std::int32_t keep =
      std::clamp(std::min(asked, choice.prompt_tokens), 0, std::max(work.context_tokens - kLeastShift, 0));
  const auto size = static_cast<std::int32_t>(choice.tokens.size());
  const std::int32_t drop = std::max((size - keep) / 2, 1);
  if (!cut(choice.sequence, keep)) empty(choice.sequence);
  choice.evaluated = index_.length(choice.sequence);
  choice.tokens.erase(choice.tokens.begin() + keep, choice.tokens.begin() + keep + drop);
  choice.prompt_tokens = std::max(choice.prompt_tokens - drop, keep);
  choice.job->usage.dropped += drop;
}

}  // namespace hearth::engine::core
