#include <algorithm>
#include <array>
#include <chrono>
#include <ranges>
#include <utility>

#include "engine/core/scheduler/scheduler.hpp"
#include "engine/core/scheduler/timed.hpp"

namespace hearth::engine::core {
namespace {

// What is read from disk has to save so many times the tokens that are worth a restore from memory.
constexpr std::int32_t kDiskFactor = 4;
// How far before a prompt's end checkpoints are taken. Near: what templates put at the end (the beginning of the
// answer, perhaps of thinking) is not repeated in the next turn. Far: a last turn that was changed begins somewhere
// there.
constexpr std::int32_t kNearEnd = 16;
constexpr std::int32_t kFarFromEnd = 256;
// At the end what is only in memory goes to disk; the gateway does not wait for ever.
constexpr std::chrono::milliseconds kFlush{3000};

}  // namespace

// What of the KV cache can be used for `prompt`; of a model that cannot be cut back also by way of a checkpoint.
PrefixIndex::Match Scheduler::resident_match(std::span<const domain::Token> prompt) const {
  auto match = index_.best(prompt, !shares_prefixes_);
  if (!may_checkpoint()) return match;
  for (SequenceId id = 0; id < index_.sequences(); ++id) {
    if (!index_.is_cached(id)) continue;
    const auto common = static_cast<std::int32_t>(common_length(prompt, index_.tokens(id)));
    const Checkpoint* const point = checkpoints_.best(id, common);
    if (point != nullptr && point->length > match.length)
      match = {.sequence = id, .length = point->length, .whole = false, .cached = true};
  }
  return match;
}

// Takes the matched sequence over, or shares its beginning, or begins with nothing. The sequence stays -1 if all ids
// run.
void Scheduler::reuse_resident(Choice& choice, const PrefixIndex::Match& match) {
  const auto victim = index_.any_free() ? std::nullopt : index_.least_recent();
  const auto may_take_over = [&] {
    if (match.whole || victim == match.sequence || !shares_prefixes_) return true;
    // What it has beyond the match is not worth another sequence's place.
    return victim && index_.length(match.sequence) - match.length < store_.tokens_min();
  };
  if (match.length > 0 && match.cached && may_take_over()) {
    if (!match.whole) save_out(match.sequence, match.length);
    choice.sequence = match.sequence;
    index_.reuse(choice.sequence);
    if (!match.whole && !cut(choice.sequence, match.length)) empty(choice.sequence);
    return;
  }
  choice.sequence = take_id();
  if (choice.sequence < 0 || match.length == 0) return;
  model_.copy(match.sequence, choice.sequence, match.length);
  index_.share(match.sequence, choice.sequence, match.length);
}

// Whether the choice should wait, because what is saved of its prompt is being read. It asks for that once: if it is
// gone again before the choice's turn, it does without. What was read stays in memory until its turn; so that this is
// bounded, no more is read ahead than can run at once, and who comes later asks later.
bool Scheduler::waits_for_disk(Choice& choice) {
  if (!store_.has_disk()) return false;
  prepare_choice(choice);
  const auto usable = reusable(choice);
  const auto saved = store_.find(usable);
  if (saved.length == 0 || saved.held) return false;
  if (saved.length < resident_match(usable).length + kDiskFactor * store_.tokens_min()) return false;
  if (choice.fetched) return saved.reading;
  if (!saved.reading && store_.pinned() >= static_cast<std::size_t>(parallel_)) return true;
  choice.fetched = true;
  choice.pin = store_.fetch(saved.id);
  return true;
}

// Gives the choice a sequence restored from memory, if that saves more than it costs beside what is resident.
bool Scheduler::restore_saved(Choice& choice, std::span<const domain::Token> prompt, std::int32_t resident) {
  if (!store_.enabled()) return false;
  const auto saved = store_.find(prompt);
  if (!saved.held || saved.length < resident + store_.tokens_min()) return false;
  const auto cells = static_cast<std::int32_t>(saved.held->tokens.size());
  if (index_.cells_in_use() + cells > model_.kv_cells()) return false;
  store_.use(saved.id);
  const SequenceId id = take_id();
  if (id < 0) return false;
  while (index_.cells_used() + cells > model_.kv_cells() && evict_one()) continue;
  choice.sequence = id;
  bool done = false;
  {
    const Timed timed(clock_, stats_.prefix_nanoseconds);
    done = model_.restore(id, StatePart::kWhole, saved.held->state, cells);
  }
  if (!done) {
    log_.warn("a saved prefix of {} tokens could not be restored and is not tried again", cells);
    model_.remove(id, 0, -1);
    store_.forget(saved.id);
    return true;
  }
  ++stats_.prefix_restores;
  index_.append(id, saved.held->tokens);
  checkpoints_.set(id, saved.held->checkpoints);
  if (saved.length < cells && !cut(id, saved.length)) empty(id);
  return true;
}

// Back to the first `length` tokens. false: it did not work.
bool Scheduler::cut(SequenceId id, std::int32_t length) {
  if (!model_.remove(id, length, -1)) {
    const Checkpoint* const point = checkpoints_.best(id, length);
    if (point == nullptr || point->length != length) return false;
    const Timed timed(clock_, stats_.prefix_nanoseconds);
    if (!model_.restore(id, StatePart::kUncuttable, *point->state, length)) return false;
    ++stats_.prefix_restores;
  }
  index_.trim(id, length);
  checkpoints_.trim(id, length);
  return true;
}

void Scheduler::empty(SequenceId id) {
  model_.remove(id, 0, -1);
  index_.trim(id, 0);
  checkpoints_.set(id, {});
}

// Before a sequence loses all tokens but the first `except`.
void Scheduler::save_out(SequenceId id, std::int32_t except) {
  const auto& tokens = index_.tokens(id);
  if (!store_.enabled() || broken_ || index_.length(id) - except < store_.tokens_min()) return;
  if (store_.covers(tokens)) return;
  if (!store_.takes(model_.state_bytes(id, StatePart::kWhole))) return;
  const Timed timed(clock_, stats_.prefix_nanoseconds);
  SavedSequence saved{.tokens = tokens, .state = {}, .checkpoints = checkpoints_.of(id)};
  if (!model_.save(id, StatePart::kWhole, saved.state)) return;
  ++stats_.prefix_saves;
  store_.keep(std::move(saved));
}

// At the end: what the disk does not have yet.
void Scheduler::save_all() {
  if (!store_.has_disk()) return;
  const auto begin = clock_.now();
  const auto left = [&] {
    return kFlush - std::chrono::duration_cast<std::chrono::milliseconds>(clock_.now() - begin);
  };
  const auto cached = index_.cached();
  for (const SequenceId id : cached) {
    if (left() > kFlush / 2) save_out(id, 0);
  }
  // What was used last is written first.
  for (const SequenceId id : std::views::reverse(cached)) (void)store_.covers(index_.tokens(id));
  store_.flush(left());
}

void Scheduler::plan_checkpoints(Choice& choice) {
  choice.stops.clear();
  if (!may_checkpoint()) return;
  const auto prompt = std::span(choice.tokens).first(static_cast<std::size_t>(choice.prompt_tokens));
  std::int32_t branch = store_.common(prompt);  // where it departs from what was seen before, others will, too
  for (SequenceId id = 0; id < index_.sequences(); ++id) {
    if (id != choice.sequence)
      branch = std::max(branch, static_cast<std::int32_t>(common_length(prompt, index_.tokens(id))));
  }
  std::array points{branch, choice.prompt_tokens - kFarFromEnd, choice.prompt_tokens - kNearEnd};
  std::ranges::sort(points);
  Position last = choice.evaluated;
  for (const Position point : points) {
    if (point < last + store_.tokens_min() || point >= choice.prompt_tokens) continue;
    choice.stops.push_back(point);
    last = point;
  }
}

void Scheduler::take_checkpoint(Choice& choice) {
  if (choice.stops.empty() || choice.stops.front() > choice.evaluated) return;
  const bool due = choice.stops.front() == choice.evaluated;
  choice.stops.erase(choice.stops.begin());
  const auto& have = checkpoints_.of(choice.sequence);
  if (!due || (!have.empty() && have.back().length >= choice.evaluated)) return;
  if (!store_.takes_checkpoints(checkpoints_.bytes() + model_.state_bytes(choice.sequence, StatePart::kUncuttable)))
    return;
  const Timed timed(clock_, stats_.prefix_nanoseconds);
  std::string state;
  if (!model_.save(choice.sequence, StatePart::kUncuttable, state)) return;
  ++stats_.prefix_saves;
  checkpoints_.add(choice.sequence,
                   {.length = choice.evaluated, .state = std::make_shared<const std::string>(std::move(state))});
}

}  // namespace hearth::engine::core
