#include "gateway/pull_jobs.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include "base/strings.hpp"
#include "json/writer.hpp"
#include "store/fetch/url.hpp"

namespace hearth::gateway {

namespace provision = store::provision;

namespace {

constexpr std::size_t kAtOnce = 4;
constexpr std::size_t kWaitingMax = 64;
constexpr std::size_t kKept = 100;  // ended jobs that can still be asked for

std::string_view name_of(PullJob::Status status) {
  switch (status) {
    case PullJob::Status::kQueued: return "queued";
    case PullJob::Status::kRunning: return "running";
    case PullJob::Status::kDone: return "done";
    case PullJob::Status::kFailed: return "failed";
  }
  return "failed";
}

// Addresses may hold secrets.
std::string shown(const store::Reference& reference) {
  const std::string text = to_text(reference);
  return reference.kind == store::Reference::Kind::kUrl ? store::fetch::printable(text) : base::one_line(text);
}

}  // namespace

rt::Task<void> PullJob::wait_after(std::uint64_t version, base::Deadline deadline) {
  while (state_.with([](const State& s) { return s.version; }) == version &&
         !deadline.passed(std::chrono::steady_clock::now()))
    co_await changed_.wait(deadline);
}

void PullJob::change(const std::function<void(State&)>& how) {
  state_.with([&](State& s) {
    how(s);
    ++s.version;
  });
}

PullJobs::PullJobs(rt::Executor executor, const provision::Provisioner& provisioner, const store::Library& library,
                   provision::PullOptions options, base::Log& log)
    : executor_(executor),
      provisioner_(provisioner),
      library_(library),
      options_(std::move(options)),
      log_(log),
      threads_(kAtOnce, "hearth-pull"),
      nursery_(executor, [&log](const std::exception_ptr&) { log.error("a download failed: a bug"); }) {}

Result<std::shared_ptr<PullJob>> PullJobs::start(const store::Reference& reference, bool detached) {
  for (const auto& job : jobs_) {
    if (job->reference() == reference && !job->state().ended() && !job->stop_.stop_requested()) {
      job->detached_ = job->detached_ || detached;
      return job;
    }
  }
  if (nursery_.running() >= kWaitingMax)
    return fail(Error{.code = ErrorCode::kOverloaded,
                      .message = fmt::format("{} downloads run or wait already; try again later", nursery_.running()),
                      .retry_after = std::chrono::seconds(60)});
  auto job = std::make_shared<PullJob>("job_" + base::random_id(16), reference);
  job->detached_ = detached;
  if (stopping_) job->stop_.request_stop();
  jobs_.push_front(job);
  forget_old();
  nursery_.spawn(run(job));
  return job;
}

std::shared_ptr<PullJob> PullJobs::find(const std::string& id) const {
  const auto it = std::ranges::find_if(jobs_, [&](const auto& job) { return job->id() == id; });
  return it == jobs_.end() ? nullptr : *it;
}

void PullJobs::forget_old() {
  std::size_t ended = 0;
  std::erase_if(jobs_, [&](const auto& job) { return job->state().ended() && ++ended > kKept; });
}

Result<provision::Pulled> PullJobs::pull(const std::shared_ptr<PullJob>& job) const {
  job->change([](PullJob::State& s) { s.status = PullJob::Status::kRunning; });
  auto options = options_;
  options.stop = job->stop_.get_token();
  options.on_progress = [&](const provision::PullProgress& progress) {
    job->change([&](PullJob::State& s) { s.progress = progress; });
    boost::asio::post(executor_, [job] { job->changed_.notify_all(); });
  };
  auto pulled = provisioner_.pull(job->reference(), options);
  if (pulled) job->change([&](PullJob::State& s) { s.name = library_.id_of(pulled->weights); });
  return pulled;
}

rt::Task<void> PullJobs::run(std::shared_ptr<PullJob> job) {
  auto result = co_await threads_.run([&]() -> Result<provision::Pulled> {
    try {
      return pull(job);
    } catch (const std::exception& e) {  // nobody may wait for ever
      return fail(ErrorCode::kInternal, fmt::format("the download ended with a bug: {}", e.what()));
    }
  });
  const std::string name = shown(job->reference());
  if (result)
    log_.info("pull {}: {}", name, result->up_to_date ? "up to date" : "done");
  else
    log_.warn("pull {}: {}", name, result.error().message);
  job->change([&](PullJob::State& s) {
    s.status = result ? PullJob::Status::kDone : PullJob::Status::kFailed;
    if (result)
      s.result = *std::move(result);
    else
      s.error = std::move(result).error();
  });
  job->changed_.notify_all();
}

void PullJobs::request_stop() {
  stopping_ = true;
  for (const auto& job : jobs_) job->stop_.request_stop();
}

rt::Task<void> PullJobs::stop() {
  request_stop();
  co_await nursery_.join();
}

std::string job_json(const PullJob& job, const PullJob::State& state) {
  json::Writer w;
  w.begin_object().field("id", job.id()).field("kind", "pull").field("reference", shown(job.reference()));
  w.field("status", name_of(state.status));
  const auto& p = state.progress;
  w.key("progress").begin_object().field("phase", to_string(p.phase)).field("choice", p.choice);
  w.field("total", p.bytes.total).field("completed", p.bytes.present).field("verified", p.bytes.verified);
  w.field("resumed", p.bytes.resumed).field("trouble", p.bytes.trouble).end_object();
  if (state.result) w.key("result").raw(provision::to_json(*state.result, state.name));
  if (state.error)
    w.key("error")
        .begin_object()
        .field("code", base::traits(state.error->code).name)
        .field("message", state.error->message)
        .end_object();
  w.end_object();
  return std::move(w).take();
}

}  // namespace hearth::gateway
