#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "engine/core/scheduler/scheduler.hpp"

namespace hearth::engine::core {

bool Scheduler::embeds(const Job& job) {
  return job.embedding && job.embedded < job.embedding->inputs.size() && !job.ended && !job.paused && !job.cancelled;
}

bool Scheduler::evaluate_embeddings() {
  order_embeddings();
  std::size_t inputs_max = static_cast<std::size_t>(std::max(model_.sequences_max(), 1));
  while (!embedding_.empty()) {
    gather_inputs(inputs_max);
    switch (run_batch(true)) {
      case DecodeStatus::kOk: collect_embeddings(); return true;
      case DecodeStatus::kAborted: return true;
      case DecodeStatus::kNoMemory: fail_inputs(); return true;
      case DecodeStatus::kFailed: fail_model(); return true;
      case DecodeStatus::kNoSpace: break;
    }
    if (inputs_.size() == 1) {
      fail_with(*inputs_.front().job,
                Error{.code = ErrorCode::kContextLength, .message = "the model has no room for the input"});
      return true;
    }
    inputs_max = inputs_.size() / 2;
  }
  return false;
}

// Tokens of one batch: less while answers stream, so that they keep their pace.
std::size_t Scheduler::embed_budget() const {
  const auto budget = static_cast<double>(std::min(step_tokens_, batch_tokens_));
  const bool streams = std::ranges::any_of(running_, [](const Choice* c) { return !c->job->paused; });
  if (!streams || step_time_.count() <= 0) return static_cast<std::size_t>(budget);
  if (embed_token_ <= 0) return static_cast<std::size_t>(std::min(budget, double{StepPace::kChunk}));  // it tells
  return static_cast<std::size_t>(std::min(budget, static_cast<double>(step_time_.count()) / embed_token_));
}

// In turn by age, and by what is left of those of the highest priority: a short one does not wait for a long one, nor
// the long one for all short ones.
// The first says how the batch is pooled.
void Scheduler::order_embeddings() {
  embedding_.clear();
  for (const auto& job : jobs_) {
    if (embeds(*job)) embedding_.push_back(job.get());
  }
  embed_shortest_ = !embed_shortest_;
  const auto left = [](const Job* job) { return job->embedding->inputs.size() - job->embedded; };
  const auto shorter = [&](const Job* a, const Job* b) {
    if (a->priority != b->priority) return a->priority > b->priority;
    return left(a) != left(b) ? left(a) < left(b) : a->ticket < b->ticket;
  };
  if (embed_shortest_) std::ranges::sort(embedding_, shorter);
}

// Whole inputs, as far as there are sequence ids and budget: at least one.
void Scheduler::gather_inputs(std::size_t inputs_max) {
  inputs_.clear();
  batch_.clear();
  tickets_.clear();
  const auto budget = embed_budget();
  for (Job* job : embedding_) {
    if (job->embedding->pooling != embedding_.front()->embedding->pooling) continue;
    const auto& all = job->embedding->inputs;
    for (std::size_t i = job->embedded; i < all.size() && inputs_.size() < inputs_max; ++i) {
      if (!inputs_.empty() && batch_.size() + all[i].tokens.size() > budget) break;
      add_input(*job, i);
    }
  }
}

void Scheduler::add_input(Job& job, std::size_t input) {
  const auto& text = job.embedding->inputs[input];
  const auto sequence = static_cast<SequenceId>(inputs_.size());
  inputs_.push_back({.job = &job, .input = input});
  Position position = 0;
  for (const domain::Token token : text.tokens) {
    const bool second = text.second >= 0 && position >= text.second;
    batch_.push_back({.token = token, .position = position++, .sequence = sequence, .output = true, .second = second});
  }
  if (tickets_.empty() || tickets_.back() != job.ticket) tickets_.push_back(job.ticket);
  leave_queue(job);
}

void Scheduler::fail_inputs() {
  const Error error{.code = ErrorCode::kInsufficientMemory,
                    .message = fmt::format("model '{}' has no memory left to embed with; unload other models, or try "
                                           "again later",
                                           info_.name)};
  for (const auto& input : inputs_) fail_with(*input.job, error);
}

void Scheduler::collect_embeddings() {
  const double token = static_cast<double>(took_.count()) / static_cast<double>(batch_.size());
  embed_token_ = std::max(token, (embed_token_ + token) / 2);  // small batches may cost more: rises at once
  take_mail();                                                 // who cancelled meanwhile gets nothing more
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    Job& job = *inputs_[i].job;
    if (job.cancelled || job.ended) continue;
    job.prefilled = clock_.now();
    start(job, info_);
    stats_.prompt_tokens += job.embedding->inputs[inputs_[i].input].tokens.size();
    if (auto done = embed(job, info_, model_.embedding(static_cast<SequenceId>(i))); !done)
      fail_with(job, std::move(done).error());
    else if (job.embedded == job.embedding->inputs.size())
      finish_job(job);
  }
}

}  // namespace hearth::engine::core
