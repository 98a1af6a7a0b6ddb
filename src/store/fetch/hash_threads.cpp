#include "store/fetch/hash_threads.hpp"

#include <algorithm>
#include <cerrno>
#include <fmt/format.h>
#include <unistd.h>

#include "base/files.hpp"

namespace hearth::store::fetch {

namespace {

constexpr std::size_t kReadBytes = 128 << 10;   // stays in the cache until it is hashed
constexpr std::uint64_t kTurnBytes = 16 << 20;  // then another job may have the thread

Result<std::size_t> read_some(int fd, std::vector<char>& buffer, std::uint64_t offset, std::uint64_t end) {
  const auto want = std::min<std::uint64_t>(buffer.size(), end - offset);
  while (true) {
    const auto n = ::pread(fd, buffer.data(), want, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0)
      return fail(ErrorCode::kIo, fmt::format("cannot read back what was written: {}", base::errno_text(errno)));
    if (n == 0) return fail(ErrorCode::kIo, "the file became shorter while it was being checked");
    return static_cast<std::size_t>(n);
  }
}

}  // namespace

HashThreads::HashThreads(std::size_t count, std::function<void()> wake) : wake_(std::move(wake)) {
  for (std::size_t i = 0; i < std::max<std::size_t>(count, 1); ++i)
    threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
}

HashThreads::~HashThreads() {
  for (auto& thread : threads_) thread.request_stop();
}

HashThreads::Job* HashThreads::find(JobId id) {
  const auto it = std::ranges::find(jobs_, id, &Job::id);
  return it == jobs_.end() ? nullptr : &*it;
}
const HashThreads::Job* HashThreads::find(JobId id) const {
  const auto it = std::ranges::find(jobs_, id, &Job::id);
  return it == jobs_.end() ? nullptr : &*it;
}

HashThreads::JobId HashThreads::add(int fd, Digest::Kind kind, std::uint64_t size, bool sync) {
  const std::scoped_lock lock(mutex_);
  jobs_.push_back(Job{.id = ++last_id_, .fd = fd, .size = size, .sync = sync, .hasher = Hasher(kind, size)});
  changed_.notify_all();
  return last_id_;
}

void HashThreads::advance(JobId id, std::uint64_t frontier) {
  const std::scoped_lock lock(mutex_);
  Job* job = find(id);
  if (job == nullptr || frontier <= job->frontier) return;
  job->frontier = std::min(frontier, job->size);
  changed_.notify_one();
}

std::uint64_t HashThreads::hashed(JobId id) const {
  const std::scoped_lock lock(mutex_);
  const Job* job = find(id);
  return job == nullptr ? 0 : job->hashed;
}

std::optional<Result<Digest>> HashThreads::take(JobId id) {
  const std::scoped_lock lock(mutex_);
  const auto it = std::ranges::find(jobs_, id, &Job::id);
  if (it == jobs_.end() || !it->outcome) return std::nullopt;
  auto out = std::move(it->outcome);
  jobs_.erase(it);
  return out;
}

void HashThreads::drop(JobId id) {
  std::unique_lock lock(mutex_);
  const auto it = std::ranges::find(jobs_, id, &Job::id);
  if (it == jobs_.end()) return;
  it->frontier = it->hashed;  // no further turn
  it->size = UINT64_MAX;
  changed_.wait(lock, [&] { return !it->running; });
  jobs_.erase(it);
}

void HashThreads::wait_for_any(std::chrono::milliseconds longest) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, longest,
                    [&] { return std::ranges::any_of(jobs_, [](const Job& j) { return j.outcome.has_value(); }); });
}

void HashThreads::step(Job& job, std::vector<char>& buffer, std::unique_lock<std::mutex>& lock,
                       const std::stop_token& stop) {
  const std::uint64_t turn_end = job.hashed + kTurnBytes;
  while (job.hashed < std::min(job.frontier, turn_end) && !stop.stop_requested()) {
    const auto offset = job.hashed;
    const auto end = job.frontier;
    lock.unlock();
    const auto count = read_some(job.fd, buffer, offset, end);
    if (count) job.hasher.add({buffer.data(), *count});
    lock.lock();
    if (!count) {
      job.outcome = std::unexpected(count.error());
      return;
    }
    job.hashed += *count;
  }
  if (job.hashed != job.size) return;
  lock.unlock();
  const bool synced = !job.sync || ::fdatasync(job.fd) == 0;
  const int reason = errno;
  auto digest = job.hasher.finish();
  lock.lock();
  if (synced)
    job.outcome = std::move(digest);
  else
    job.outcome = fail(ErrorCode::kIo, fmt::format("cannot write: {}", base::errno_text(reason)));
}

void HashThreads::work(const std::stop_token& stop) {
  std::vector<char> buffer(kReadBytes);
  std::unique_lock lock(mutex_);
  while (true) {
    auto job = jobs_.end();
    const auto some_ready = [&] { return (job = std::ranges::find_if(jobs_, &Job::ready)) != jobs_.end(); };
    if (!changed_.wait(lock, stop, some_ready)) return;
    job->running = true;
    step(*job, buffer, lock, stop);
    job->running = false;
    const bool done = job->outcome.has_value();
    changed_.notify_all();
    if (done && wake_) {
      lock.unlock();
      wake_();
      lock.lock();
    }
    if (stop.stop_requested()) return;
  }
}

}  // namespace hearth::store::fetch
