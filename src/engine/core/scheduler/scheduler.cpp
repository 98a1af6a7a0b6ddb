#include "engine/core/scheduler/scheduler.hpp"

#include <algorithm>
#include <utility>

namespace hearth::engine::core {
namespace {

PrefixStore make_store(const TokenModel& model, const PrefixCacheOptions& options, base::Log& log, Inbox& inbox) {
  if (model.kv_cells() == 0) return {{}, {}, log};
  return {options,
          {.key = options.folder.empty() ? std::string() : model.state_key(), .cuttable = model.can_share_prefixes()},
          log,
          [&inbox] { inbox.wake(); }};
}

// It ran, its reader was slow, its place went to others, and its reader is back.
bool waits_again(const Job& job) {
  if (job.queued || job.paused || job.ended || job.cancelled) return false;
  return job.choices_open > 0 && job.choices_waiting == job.choices_open;
}

}  // namespace

Scheduler::Scheduler(Parts parts, const TokenEngineOptions& options)
    : model_(parts.model),
      inbox_(parts.inbox),
      published_(parts.stats),
      info_(parts.info),
      clock_(parts.clock),
      log_(parts.log),
      parallel_(parts.info.capabilities.slots),
      batch_tokens_(std::max(parts.model.batch_tokens_max(), 1)),
      step_tokens_(std::max(options.step_tokens, 1)),
      step_time_(options.step_time),
      shares_prefixes_(parts.model.can_share_prefixes()),
      index_(std::max(parts.model.sequences_max(), 1)),
      store_(make_store(parts.model, options.prefix_cache, parts.log, parts.inbox)),
      crew_(static_cast<std::size_t>(std::max(options.threads, 1) - 1)),
      logits_per_thread_(options.logits_per_thread),
      checkpoints_(index_.sequences()),
      pace_(options.step_time, options.step_limit) {
  const Vocab& vocab = model_.vocab();
  for (domain::Token t = 0; t < vocab.size(); ++t) {
    if (vocab.is_end(t)) end_tokens_.push_back(t);
  }
  stats_.slots = static_cast<std::uint32_t>(parallel_);
  stats_.kv_cells = static_cast<std::uint32_t>(model_.kv_cells());
  publish();
}

bool Scheduler::step() {
  bool worked = take_mail();
  store_.poll();
  if (!broken_) {
    admit();
    const bool embed_first = embed_turn_ && std::ranges::any_of(jobs_, [](const auto& job) { return embeds(*job); });
    embed_turn_ = !embed_first;
    const bool evaluated =
        embed_first ? evaluate_embeddings() || evaluate_tokens() : evaluate_tokens() || evaluate_embeddings();
    worked = worked || evaluated;
    if (evaluated) ++stats_.steps;
  }
  deliver();
  sweep();
  publish();
  idle_ = !worked;
  return worked || store_.reading();  // a request waits for that
}

void Scheduler::shut_down() {
  inbox_.close(Error{.code = ErrorCode::kShuttingDown, .message = "the model is being unloaded"});
  take_mail();
  fail_all(Error{.code = ErrorCode::kShuttingDown, .message = "the model was unloaded while it worked on the request"});
  deliver();
  sweep();
  save_all();
  publish();
}

bool Scheduler::take_mail() {
  inbox_.take(mail_);
  if (mail_.empty()) return false;
  for (auto& submission : mail_.submissions) insert(std::move(submission));
  mail_.submissions.clear();
  const auto each = [this](const std::vector<Ticket>& tickets, auto&& act) {
    for (const Ticket ticket : tickets) {
      if (const auto found = by_ticket_.find(ticket); found != by_ticket_.end() && !found->second->cancelled)
        act(*found->second);
    }
  };
  each(mail_.cancelled, [this](Job& job) { cancel(job); });
  each(mail_.resumed, [this](Job& job) { resume(job); });
  return true;
}

void Scheduler::insert(Submission submission) {
  auto job = make_job(std::move(submission));
  job->due =
      job->submitted - kPriorityLead * (static_cast<int>(job->priority) - static_cast<int>(domain::Priority::kNormal));
  by_ticket_.emplace(job->ticket, job.get());
  if (broken_) {
    fail_with(*job, Error{.code = ErrorCode::kBackendError, .message = "the model failed and must be loaded again"});
  } else if (job->embedding && job->embedding->inputs.empty()) {
    leave_queue(*job);
    start(*job, info_);
    finish_job(*job);
  }
  const auto order = [](const auto& a, const auto& b) {
    return a->due != b->due ? a->due < b->due : a->ticket < b->ticket;
  };
  const auto place = std::ranges::upper_bound(jobs_, job, order);
  jobs_.insert(place, std::move(job));
}

void Scheduler::cancel(Job& job) {
  job.cancelled = true;
  job.pending.clear();
  job.sink.reset();
  leave_queue(job);
  release_all(job);
  if (!job.ended) ++stats_.requests_cancelled;
  sweep_needed_ = true;
}

void Scheduler::resume(Job& job) {
  if (!std::exchange(job.paused, false)) return;
  deliver_to(job);  // before it takes part in a step again
}

void Scheduler::leave_queue(Job& job) {
  if (!std::exchange(job.queued, false)) return;
  job.admitted = clock_.now();
  inbox_.leave_queue(1);
}

void Scheduler::fail_with(Job& job, Error error) {
  if (job.ended || job.cancelled) return;
  leave_queue(job);
  release_all(job);
  fail_job(job, std::move(error));
  ++stats_.requests_failed;
}

void Scheduler::fail_all(const Error& error) {
  for (const auto& job : jobs_) fail_with(*job, error);
}

void Scheduler::finish_job(Job& job) {
  finish(job);
  ++stats_.requests_finished;
  const auto time = std::chrono::nanoseconds(clock_.now() - job.admitted);
  request_time_ = request_time_.count() == 0 ? time : (request_time_ * 7 + time) / 8;
}

void Scheduler::deliver() {
  for (const auto& job : jobs_) deliver_to(*job);
}

void Scheduler::deliver_to(Job& job) {
  if (job.pending.empty() || job.paused || job.cancelled) return;
  if (job.sink->offer(job.pending)) {
    job.pending.clear();
    if (job.ended) sweep_needed_ = true;
    return;
  }
  job.paused = true;
  for (auto& choice : job.choices) choice.pin.reset();  // others may have its place meanwhile
}

void Scheduler::sweep() {
  if (!std::exchange(sweep_needed_, false)) return;
  std::erase_if(jobs_, [this](const std::unique_ptr<Job>& job) {
    if (!job->cancelled && !(job->ended && job->pending.empty())) return false;
    by_ticket_.erase(job->ticket);
    return true;
  });
}

void Scheduler::publish() {
  const auto embedding = std::ranges::count_if(jobs_, [](const auto& job) { return embeds(*job) && !job->queued; });
  const auto busy = static_cast<std::uint32_t>(active() + embedding);
  stats_.running = busy;
  stats_.paused = static_cast<std::uint32_t>(std::ranges::count_if(jobs_, [](const auto& job) { return job->paused; }));
  stats_.waiting =
      static_cast<std::uint32_t>(std::ranges::count_if(jobs_, [](const auto& job) { return waits_again(*job); }));
  store_.set_aside(checkpoints_.bytes());
  stats_.prefix_reads = store_.reads();
  stats_.prefix_evictions = store_.evictions();
  stats_.prefix_memory_bytes = store_.memory_bytes();
  stats_.prefix_disk_bytes = store_.disk_bytes();
  stats_.kv_cells_used = static_cast<std::uint32_t>(index_.cells_used());
  published_.with([this](Stats& out) { out = stats_; });
  inbox_.set_pace({.idle_slots = std::max(parallel_ - static_cast<std::int32_t>(busy), 0),
                   .slots = parallel_,
                   .request = request_time_});
}

}  // namespace hearth::engine::core
