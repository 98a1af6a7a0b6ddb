#pragma once

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "base/guarded.hpp"
#include "rt/nursery.hpp"
#include "rt/work_threads.hpp"
#include "sched/condition.hpp"
#include "store/library.hpp"
#include "store/provision/provisioner.hpp"

namespace hearth::gateway {

// One download and who watches it. Its state may be read anywhere; the rest belongs to the gateway's loop.
class PullJob {
 public:
  enum class Status { kQueued, kRunning, kDone, kFailed };
  struct State {
    Status status = Status::kQueued;
    store::provision::PullProgress progress;
    std::optional<store::provision::Pulled> result;  // kDone
    std::string name;                                // of the result in the library
    std::optional<Error> error;                      // kFailed
    std::uint64_t version = 0;                       // grows with every change
    [[nodiscard]] bool ended() const { return status == Status::kDone || status == Status::kFailed; }
  };

  PullJob(std::string id, store::Reference reference) : id_(std::move(id)), reference_(std::move(reference)) {}

  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] const store::Reference& reference() const { return reference_; }
  [[nodiscard]] State state() const {
    return state_.with([](const State& s) { return s; });
  }
  // Until the state is another than that of `version`, or the deadline has passed.
  [[nodiscard]] rt::Task<void> wait_after(std::uint64_t version, base::Deadline deadline = {});

 private:
  friend class PullJobs;
  friend class PullWatch;
  void change(const std::function<void(State&)>& how);  // any thread; tell the watchers afterwards
  std::string id_;
  store::Reference reference_;
  base::Guarded<State> state_;
  sched::Condition changed_;
  std::stop_source stop_;
  int watchers_ = 0;
  bool detached_ = false;  // goes on when nobody watches
};

// Whoever watches a job that is not detached keeps it alive: the last one to leave stops it.
class PullWatch {
 public:
  explicit PullWatch(std::shared_ptr<PullJob> job) : job_(std::move(job)) { ++job_->watchers_; }
  PullWatch(const PullWatch&) = delete;
  PullWatch& operator=(const PullWatch&) = delete;
  ~PullWatch() {
    if (--job_->watchers_ == 0 && !job_->detached_) job_->stop_.request_stop();
  }
  [[nodiscard]] PullJob& operator*() const { return *job_; }
  [[nodiscard]] PullJob* operator->() const { return job_.get(); }

 private:
  std::shared_ptr<PullJob> job_;  // shared: the table, the task and every watcher
};

// The downloads of a server: a few at once, each with a thread, the others queued; a model that is asked for again
// while it comes is the same job. One loop.
class PullJobs {
 public:
  PullJobs(rt::Executor executor, const store::provision::Provisioner& provisioner, const store::Library& library,
           store::provision::PullOptions options, base::Log& log);

  // detached: goes on when nobody watches. kOverloaded: too many wait already.
  [[nodiscard]] Result<std::shared_ptr<PullJob>> start(const store::Reference& reference, bool detached);
  // Also one that ended a while ago.
  [[nodiscard]] std::shared_ptr<PullJob> find(const std::string& id) const;
  [[nodiscard]] bool busy() const { return nursery_.running() > 0; }
  // Tells all to stop, and new ones too; what has come is kept.
  void request_stop();
  // And waits for their end.
  [[nodiscard]] rt::Task<void> stop();

 private:
  [[nodiscard]] rt::Task<void> run(std::shared_ptr<PullJob> job);
  [[nodiscard]] Result<store::provision::Pulled> pull(const std::shared_ptr<PullJob>& job) const;
  void forget_old();

  rt::Executor executor_;
  const store::provision::Provisioner& provisioner_;
  const store::Library& library_;
  store::provision::PullOptions options_;
  base::Log& log_;
  std::list<std::shared_ptr<PullJob>> jobs_;  // newest first
  bool stopping_ = false;
  rt::WorkThreads threads_;
  rt::Nursery nursery_;
};

// {id, kind, reference, status, progress, result, error}, as GET /hearth/v1/jobs/{id} has it.
[[nodiscard]] std::string job_json(const PullJob& job, const PullJob::State& state);

}  // namespace hearth::gateway
