#include <algorithm>
#include <fmt/format.h>
#include <limits>
#include <utility>

#include "engine/core/scheduler/scheduler.hpp"

namespace hearth::engine::core {

bool Scheduler::embeds() const {
  return std::ranges::any_of(jobs_, [](const auto& job) { return job->embed_sequence >= 0; });
}

bool Scheduler::evaluate_embeddings() {
  std::size_t inputs_max = std::numeric_limits<std::size_t>::max();
  while (true) {
    gather_inputs(inputs_max);
    if (inputs_.empty()) return false;
    const DecodeStatus status = run_batch(true);
    if (status == DecodeStatus::kOk) {
      const double token = static_cast<double>(took_.count()) / static_cast<double>(batch_.size());
      embed_token_ = embed_token_ <= 0 ? token : (embed_token_ + token) / 2;
      take_mail();
      collect_embeddings();
    }
    const std::size_t count = inputs_.size();
    Job& first = *inputs_.front().job;
    if (status == DecodeStatus::kNoMemory) fail_inputs();
    clear_inputs();
    switch (status) {
      case DecodeStatus::kOk:
      case DecodeStatus::kNoMemory:
      case DecodeStatus::kAborted: return true;
      case DecodeStatus::kFailed: fail_model(); return true;
      case DecodeStatus::kNoSpace: break;
    }
    if (evict_one()) continue;
    if (count > 1) {
      inputs_max = count / 2;
    } else if (!demote_paused()) {
      if (!running_.empty()) return false;  // cells come free when these end
      fail_with(first,
                Error{.code = ErrorCode::kContextLength,
                      .message = fmt::format("the KV cache of {} cells has no room for the input", model_.kv_cells())});
      return true;
    }
  }
}

// Tokens of one batch: less while answers stream, so that they keep their pace.
std::size_t Scheduler::embed_budget() const {
  const auto budget = static_cast<double>(std::min(step_tokens_, batch_tokens_));
  const bool streams = std::ranges::any_of(running_, [](const Choice* c) { return !c->job->paused; });
  if (!streams || step_time_.count() <= 0) return static_cast<std::size_t>(budget);
  if (embed_token_ <= 0) return static_cast<std::size_t>(std::min(budget, double{StepPace::kChunk}));  // it tells
  return static_cast<std::size_t>(std::min(budget, static_cast<double>(step_time_.count()) / embed_token_));
}

// Whole inputs, in order, of all jobs that embed, as far as there are sequence ids and budget: at least one.
void Scheduler::gather_inputs(std::size_t inputs_max) {
  inputs_.clear();
  batch_.clear();
  tickets_.clear();
  const auto budget = embed_budget();
  for (const auto& job : jobs_) {
    if (job->embed_sequence < 0) continue;
    if (!inputs_.empty() && job->embedding->pooling != inputs_.front().job->embedding->pooling) continue;
    const auto& all = job->embedding->inputs;
    SequenceId own = job->embed_sequence;
    for (std::size_t i = job->embedded; i < all.size() && inputs_.size() < inputs_max; ++i) {
      if (!inputs_.empty() && batch_.size() + all[i].tokens.size() > budget) return;
      const bool borrowed = own < 0;
      const SequenceId id = borrowed ? index_.acquire().value_or(-1) : std::exchange(own, -1);
      if (id < 0) break;
      inputs_.push_back({.job = job.get(), .input = i, .sequence = id, .borrowed = borrowed});
      Position position = 0;
      for (const domain::Token token : all[i].tokens) {
        const bool second = all[i].second >= 0 && position >= all[i].second;
        batch_.push_back({.token = token, .position = position++, .sequence = id, .output = true, .second = second});
      }
      if (tickets_.empty() || tickets_.back() != job->ticket) tickets_.push_back(job->ticket);
    }
  }
}

void Scheduler::fail_inputs() {
  const Error error{.code = ErrorCode::kInsufficientMemory,
                    .message = fmt::format("model '{}' has no memory left to embed with; unload other models, or try "
                                           "again later",
                                           info_.name)};
  for (const auto& input : inputs_) fail_with(*input.job, error);
}

void Scheduler::clear_inputs() {
  for (const auto& input : inputs_) {
    model_.remove(input.sequence, 0, -1);
    if (input.borrowed) index_.release(input.sequence);
  }
  inputs_.clear();
}

void Scheduler::collect_embeddings() {
  for (const auto& input : inputs_) {
    Job& job = *input.job;
    if (job.cancelled || job.ended) continue;
    job.prefilled = clock_.now();
    start(job, info_);
    stats_.prompt_tokens += job.embedding->inputs[input.input].tokens.size();
    if (auto done = embed(job, info_, model_.embedding(input.sequence)); !done) {
      fail_with(job, std::move(done).error());
      continue;
    }
    if (job.embedded < job.embedding->inputs.size()) continue;
    index_.release(std::exchange(job.embed_sequence, -1));
    finish_job(job);
  }
}

}  // namespace hearth::engine::core
