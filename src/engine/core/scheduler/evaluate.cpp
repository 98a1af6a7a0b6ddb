#include <algorithm>
#include <fmt/format.h>
#include <limits>
#include <utility>

#include "engine/core/scheduler/scheduler.hpp"
#include "engine/core/scheduler/timed.hpp"

namespace hearth::engine::core {

namespace {

// Of masking and accepting, in a step: where there is less, waking another thread costs more than it gives.
constexpr std::uint64_t kConstraintPerThread = 100'000;

void only(domain::Token token, std::span<float> row) {
  std::ranges::fill(row, -std::numeric_limits<float>::infinity());
  row[static_cast<std::size_t>(token)] = 0;
}

}  // namespace

bool Scheduler::evaluate_tokens() {
  std::int32_t prefill_tokens = std::numeric_limits<std::int32_t>::max();
  while (true) {
    plan(prefill_tokens);
    if (batch_.empty()) return false;
    switch (run_batch(false)) {
      case DecodeStatus::kOk:
        pace_.record(step_, took_);
        record();
        take_mail();  // who cancelled meanwhile gets nothing more
        sample();
        return true;
      case DecodeStatus::kAborted: rewind(); return true;
      case DecodeStatus::kNoMemory:
      case DecodeStatus::kFailed: fail_model(); return true;
      case DecodeStatus::kNoSpace:
        if (!make_room(prefill_tokens)) return true;
    }
  }
}

void Scheduler::plan(std::int32_t prefill_tokens) {
  eligible_.clear();
  batch_.clear();
  tickets_.clear();
  for (Choice* choice : running_) {
    if (!choice->job->paused) eligible_.push_back(choice);
  }
  want_tokens();
  const StepLimits limits{.step_tokens = step_tokens_,
                          .batch_tokens = batch_tokens_,
                          .prefill_tokens = prefill_by_pace(prefill_tokens),
                          .first = eligible_.empty() ? 0 : static_cast<std::size_t>(stats_.steps % eligible_.size())};
  plan_step(remaining_, limits, shares_);
  step_ = {};
  for (const Share& share : shares_) {
    const Choice& choice = *eligible_[share.index];
    const bool decodes = remaining_[share.index] == 1;
    step_.decoding += decodes ? 1 : 0;
    step_.prefill += decodes ? 0 : share.tokens;
    if (!decodes) step_.depth = std::max(step_.depth, choice.evaluated);
    if (choice.job->cancelled) ++stats_.steps_after_cancel;
    if (std::ranges::find(tickets_, choice.job->ticket) == tickets_.end()) tickets_.push_back(choice.job->ticket);
    for (std::int32_t i = 0; i < share.tokens; ++i) {
      const Position position = choice.evaluated + i;
      const auto place = static_cast<std::size_t>(position);
      batch_.push_back(
          {.token = choice.tokens[place],
           .position = position,
           .sequence = choice.sequence,
           .output = place + 1 == choice.tokens.size() || (scores_prompt(choice) && position >= choice.scored)});
    }
  }
}

// What the prompts of this step may take together, so that the streams beside them keep their pace.
std::int32_t Scheduler::prefill_by_pace(std::int32_t most) {
  std::int32_t decoding = 0;
  std::int32_t depth = 0;
  for (std::size_t i = 0; i < eligible_.size(); ++i) {
    if (remaining_[i] == 1)
      ++decoding;
    else
      depth = std::max(depth, eligible_[i]->evaluated);
  }
  return std::min(most, pace_.prefill_tokens(decoding, depth, step_tokens_));
}

DecodeStatus Scheduler::run_batch(bool embedding) {
  if (!inbox_.begin_batch(tickets_)) return DecodeStatus::kAborted;
  const auto before = clock_.now();
  const DecodeStatus status =
      embedding ? model_.embed(batch_, inputs_.front().job->embedding->pooling) : model_.decode(batch_);
  inbox_.end_batch();
  took_ = clock_.now() - before;
  stats_.step_nanoseconds += static_cast<std::uint64_t>(took_.count());
  return status;
}

// After kNoSpace, the cheapest first: forget what is only cached; take in less of the prompts; take the cells of slow
// readers; let the youngest start again later. false: nothing helps, the one that runs alone has failed.
bool Scheduler::make_room(std::int32_t& prefill_tokens) {
  if (evict_one()) {
    const auto needed = static_cast<std::int32_t>(batch_.size());
    while (index_.cells_used() + needed > model_.kv_cells() && evict_one()) continue;
    return true;
  }
  std::int32_t prefill = 0;
  for (const Share& share : shares_) prefill += remaining_[share.index] > 1 ? share.tokens : 0;
  const bool decodes = static_cast<std::size_t>(prefill) < batch_.size();
  if (prefill > (decodes ? 0 : 1)) {
    prefill_tokens = prefill / 2;
    return true;
  }
  prefill_tokens = std::numeric_limits<std::int32_t>::max();
  if (demote_paused()) return evict_one();
  Choice& youngest = *eligible_.back();
  if (eligible_.size() > 1) {
    log_.debug("no free KV cell: request {} is put back into the queue", youngest.job->ticket);
    requeue(youngest, false);
    return true;
  }
  fail_with(*youngest.job,
            Error{.code = ErrorCode::kContextLength,
                  .message = fmt::format("the KV cache of {} cells has no room for token {} of this request",
                                         model_.kv_cells(), youngest.evaluated + 1)});
  return false;
}

// After kAborted: the cache may hold more than is known. Back to what is known, or to nothing.
void Scheduler::rewind() {
  for (const Share& share : shares_) {
    Choice& choice = *eligible_[share.index];
    if (model_.remove(choice.sequence, choice.evaluated, -1)) continue;
    const Checkpoint* const before = checkpoints_.best(choice.sequence, choice.evaluated);
    if (before == nullptr || !cut(choice.sequence, before->length)) empty(choice.sequence);
    choice.evaluated = index_.length(choice.sequence);
  }
}

void Scheduler::record() {
  for (const Share& share : shares_) {
    Choice& choice = *eligible_[share.index];
    const auto from = static_cast<std::size_t>(choice.evaluated);
    index_.append(choice.sequence, std::span(choice.tokens).subspan(from, static_cast<std::size_t>(share.tokens)));
    const std::int32_t of_prompt = std::clamp(choice.prompt_tokens - choice.evaluated, 0, share.tokens);
    stats_.prompt_tokens += static_cast<std::uint64_t>(of_prompt);
    choice.evaluated += share.tokens;
    take_checkpoint(choice);
  }
}

void Scheduler::sample() {
  drawings_.clear();
  std::size_t end = 0;
  for (const Share& share : shares_) {
    end += static_cast<std::size_t>(share.tokens);
    Choice& choice = *eligible_[share.index];
    if (scores_prompt(choice)) score(choice, end - static_cast<std::size_t>(share.tokens), share.tokens);
    if (wants_token(choice)) drawings_.push_back({.choice = &choice, .row = model_.logits(end - 1), .draw = {}});
  }
  draw_all();
  for (Drawing& drawing : drawings_) take_token(drawing);
}

bool Scheduler::wants_token(Choice& choice) {
  if (choice.remaining() > 0 || choice.stage != Choice::Stage::kRunning || choice.job->cancelled) return false;
  if (!choice.prefilled) on_prefilled(choice);
  if (choice.generated_max > 0) return true;
  end_choice(choice, domain::FinishReason::kLength, {});
  return false;
}

// Each draw touches its choice and its row alone. What formats cost beside the logits is not known before: it is taken
// to be what it was in the last step.
void Scheduler::draw_all() {
  const Timed timed(clock_, stats_.sampling_nanoseconds);
  const std::size_t logits = drawings_.size() * static_cast<std::size_t>(model_.vocab().size());
  const std::size_t threads = logits / logits_per_thread_ + constraint_nanoseconds_ / kConstraintPerThread;
  crew_.run(drawings_.size(), threads, [this](std::size_t i) { draw(drawings_[i]); });
  constraint_nanoseconds_ = 0;
  for (const Drawing& drawing : drawings_) constraint_nanoseconds_ += drawing.constraint_nanoseconds;
}

void Scheduler::draw(Drawing& drawing) const {
  Choice& choice = *drawing.choice;
  const auto constrain = [&](auto&& step) {
    const Timed timed(clock_, drawing.constraint_nanoseconds);
    return step(*choice.matcher);
  };
  const PreparedGeneration& work = choice.job->generation;
  const domain::Generation& settings = work.generation;
  if (ends_thinking(choice)) {
    only(work.thinking_end[choice.thinking_ends++], drawing.row);
  } else if (choice.matcher) {
    constrain([&](auto& matcher) { matcher.mask(drawing.row); });
  } else if (settings.sampling.ignore_eos) {
    for (const domain::Token t : end_tokens_)
      drawing.row[static_cast<std::size_t>(t)] = -std::numeric_limits<float>::infinity();
  }
  drawing.draw = choice.sampler->sample(drawing.row, settings.logprobs ? settings.top_logprobs : -1);
  if (choice.matcher) drawing.fits = constrain([&](auto& matcher) { return matcher.accept(drawing.draw.token); });
}

void Scheduler::take_token(Drawing& drawing) {
  Choice& choice = *drawing.choice;
  Job& job = *choice.job;
  if (job.ended) return;  // it has failed by another choice's token
  if (!drawing.fits)
    return fail_with(
        job,
        Error{.code = ErrorCode::kUnsupported,
              .message = "no token of this model's vocabulary can continue the answer as its format or tool_choice "
                         "asks, or finding one takes too long"});
  if (model_.vocab().is_end(drawing.draw.token)) return end_choice(choice, domain::FinishReason::kStop, {});
  job.last_token = clock_.now();
  if (job.usage.completion == 0) job.first_token = job.last_token;
  ++stats_.generated_tokens;
  auto outcome = add_token(choice, model_.vocab(), drawing.draw);
  if (outcome.over) {
    end_choice(choice, domain::FinishReason::kStop, std::move(outcome.stop));
  } else if (choice.generated >= choice.generated_max) {
    end_choice(choice, domain::FinishReason::kLength, {});
  } else if (job.generation.shift && static_cast<std::int32_t>(choice.tokens.size()) >= job.generation.context_tokens) {
    shift(choice);
  }
}

// Whether the next token is one of those that end a thinking that has had its tokens.
bool Scheduler::ends_thinking(const Choice& choice) {
  const PreparedGeneration& work = choice.job->generation;
  if (!work.thinking_max || !choice.watch) return false;
  if (choice.thinking_ends > 0) return choice.thinking_ends < work.thinking_end.size();
  return choice.watch->thinking() && choice.thought >= *work.thinking_max && !choice.writer->in_character();
}

void Scheduler::on_prefilled(Choice& choice) {
  Job& job = *choice.job;
  choice.prefilled = true;
  if (!job.started) job.prefilled = clock_.now();
  start(job, info_);
  open(choice);
}

void Scheduler::end_choice(Choice& choice, domain::FinishReason reason, std::string stop) {
  close(choice, reason, std::move(stop));
  release(choice, true);
  if (choice.job->choices_open == 0) finish_job(*choice.job);
}

void Scheduler::fail_model() {
  broken_ = true;
  log_.error("model '{}' failed to evaluate a batch; all its requests fail", info_.name);
  const Error error{.code = ErrorCode::kBackendError,
                    .message = "the model failed to evaluate a batch; it must be loaded again"};
  inbox_.close(error);
  fail_all(error);
}

}  // namespace hearth::engine::core
