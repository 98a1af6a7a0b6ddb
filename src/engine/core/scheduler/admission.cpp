#include <algorithm>
#include <utility>

#include "engine/core/scheduler/scheduler.hpp"

namespace hearth::engine::core {
namespace {

// Cells that each running sequence is expected to need soon: what waits is not let in to be thrown out at once.
constexpr std::int32_t kGrowth = 16;
// What an answer without a limit may be long, in contexts, where a full one does not end it.
constexpr std::int32_t kContexts = 10;

}  // namespace

// Slots in use: paused sequences keep their cells but no slot.
std::int32_t Scheduler::active() const {
  return static_cast<std::int32_t>(std::ranges::count_if(running_, [](const Choice* c) { return !c->job->paused; }));
}

void Scheduler::admit() {
  std::int32_t slots = parallel_ - active();
  for (const auto& job : jobs_) {
    if (slots <= 0) return;
    if (job->ended || job->paused || job->cancelled) continue;
    if (job->choices_waiting == 0) continue;
    const auto n = static_cast<std::size_t>(job->generation.generation.n);
    for (auto& choice : job->choices) {
      if (slots <= 0) return;
      if (choice.stage != Choice::Stage::kWaiting) continue;
      // The others of a prompt share what its first one evaluates.
      const Choice& first = job->choices[choice.prompt * n];
      if (&choice != &first && !first.prefilled) continue;
      if (waits_for_disk(choice)) continue;
      if (!admit_choice(choice)) return;
      --slots;
    }
  }
}

bool Scheduler::admit_choice(Choice& choice) {
  prepare_choice(choice);
  if (!fits(choice, resident_match(reusable(choice)), paused_cells())) return false;
  while (!fits(choice, resident_match(reusable(choice)), 0)) {
    if (!demote_paused()) return false;
  }
  attach(choice);
  if (choice.sequence < 0) return false;
  leave_queue(*choice.job);
  choice.stage = Choice::Stage::kRunning;
  --choice.job->choices_waiting;
  running_.push_back(&choice);
  return true;
}

// What slow readers hold; at most, where they share some.
std::int32_t Scheduler::paused_cells() const {
  std::int32_t out = 0;
  for (const Choice* choice : running_) out += choice->job->paused ? choice->evaluated : 0;
  return out;
}

// Whether the choice finds its cells beside what runs, if `freed` of those come free. Alone it always begins: then
// cells are made free for it.
bool Scheduler::fits(const Choice& choice, const PrefixIndex::Match& match, std::int32_t freed) const {
  const std::int32_t others = active();
  if (model_.kv_cells() == 0 || others == 0) return true;
  const std::int32_t shared = match.cached ? 0 : match.length;
  const auto needed = static_cast<std::int32_t>(choice.tokens.size()) - shared + kGrowth * (others + 1);
  return index_.cells_in_use() - freed + needed <= model_.kv_cells();
}

void Scheduler::prepare_choice(Choice& choice) {
  if (!choice.tokens.empty()) return;
  const PreparedGeneration& work = choice.job->generation;
  const auto& settings = work.generation;
  choice.tokens = work.prompts[choice.prompt].tokens;
  choice.prompt_tokens = static_cast<std::int32_t>(choice.tokens.size());
  choice.generated_max =
      settings.max_tokens.value_or(work.shift ? kContexts * work.context_tokens : work.context_tokens);
  if (!work.shift) choice.generated_max = std::min(choice.generated_max, work.context_tokens - choice.prompt_tokens);
  choice.scores = work.scores_prompts && choice.index % settings.n == 0;
  if (choice.scores) begin_echo(choice, model_.vocab());
  choice.sampler.emplace(settings.sampling, work.seed + static_cast<std::uint64_t>(choice.index), model_.vocab().size(),
                         SamplerModel{.vocab = &model_.vocab(), .breakers = work.breakers});
  for (const domain::Token token : choice.tokens) choice.sampler->accept(token);
  if (work.constraint) choice.matcher.emplace(work.constraint);
  if (work.format) choice.watch.emplace(*work.format);
  choice.writer.emplace(
      choice.index,
      AnswerWriter::Rules{
          .stops = settings.stop, .model_stops = work.model_stops, .format = work.format, .one_call = work.one_call});
}

// Gives the choice a sequence id that holds as much of its tokens as possible, its last one excepted (its logits are
// needed).
void Scheduler::attach(Choice& choice) {
  const auto usable = reusable(choice);
  if (!index_.any_free() && !index_.least_recent() && !demote_paused()) return;
  const auto match = resident_match(usable);
  if (!restore_saved(choice, usable, match.length)) reuse_resident(choice, match);
  if (choice.sequence < 0) return;
  choice.pin.reset();
  choice.evaluated = index_.length(choice.sequence);
  plan_checkpoints(choice);
  const std::int32_t cached = std::min(choice.evaluated, choice.prompt_tokens);
  stats_.prefix_hits += cached > 0 ? 1 : 0;
  stats_.cached_prompt_tokens += static_cast<std::uint64_t>(cached);
  // The usage counts a prompt once: its first choice, when that first runs.
  const bool first = choice.index % choice.job->generation.generation.n == 0;
  if (first && !std::exchange(choice.attached, true)) choice.job->usage.cached += cached;
}

// A free id, if need be that of a cached or a paused sequence; -1 if all ids run.
SequenceId Scheduler::take_id() {
  if (!index_.any_free() && !evict_one() && !(demote_paused() && evict_one())) return -1;
  const SequenceId id = index_.acquire().value_or(-1);
  if (id >= 0) checkpoints_.set(id, {});
  return id;
}

bool Scheduler::evict_one() {
  const auto oldest = index_.least_recent();
  if (!oldest) return false;
  save_out(*oldest, 0);
  checkpoints_.set(*oldest, {});
  model_.remove(*oldest, 0, -1);
  index_.release(*oldest);
  return true;
}

// The sequence of a slow reader becomes a cached one: after resume() it is admitted again and finds what is left of it.
bool Scheduler::demote_paused() {
  const auto paused = std::ranges::find_if(running_, [](const Choice* c) { return c->job->paused; });
  if (paused == running_.end()) return false;
  requeue(**paused, true);
  return true;
}

void Scheduler::requeue(Choice& choice, bool keep_cached) {
  release(choice, keep_cached);
  choice.stage = Choice::Stage::kWaiting;
  ++choice.job->choices_waiting;
}

void Scheduler::release(Choice& choice, bool keep_cached) {
  if (choice.sequence < 0) return;
  if (keep_cached && model_.kv_cells() > 0) {
    index_.cache(choice.sequence);
    while (index_.cells_used() - index_.cells_in_use() > model_.idle_cells_max() &&
           index_.least_recent() != choice.sequence)
      evict_one();
  } else {
    model_.remove(choice.sequence, 0, -1);
    index_.release(choice.sequence);
  }
  choice.sequence = -1;
  choice.evaluated = 0;
  std::erase(running_, &choice);
}

void Scheduler::release_all(Job& job) {
  for (auto& choice : job.choices) {
    choice.pin.reset();
    release(choice, true);
  }
}

}  // namespace hearth::engine::core
