#include "engine/core/prefix/disk_thread.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace hearth::engine::core {

DiskThread::DiskThread(PrefixDiskOptions options, base::Log& log, std::vector<PrefixDisk::File>& found,
                       std::function<void()> wake)
    : disk_(std::move(options), log), wake_(std::move(wake)) {
  found = disk_.find_new();
  thread_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
}

void DiskThread::write(std::uint64_t id, SharedSequence saved) {
  add(writes_, [this, id, saved = std::move(saved)] { do_write(id, saved); });
}

void DiskThread::read(std::uint64_t id, std::string name) {
  add(reads_, [this, id, name = std::move(name)] {
    auto saved = disk_.read(name);
    const std::scoped_lock lock(mutex_);
    results_.read.push_back({.id = id, .saved = std::move(saved)});
  });
}

void DiskThread::remove(std::string name) {
  add(writes_, [this, name = std::move(name)] { disk_.remove(name); });
}

void DiskThread::add(std::deque<Job>& queue, Job job) {
  const std::scoped_lock lock(mutex_);
  queue.push_back(std::move(job));
  filled_.notify_one();
}

bool DiskThread::take(Done& out) {
  out = {};
  const std::scoped_lock lock(mutex_);
  if (!std::exchange(any_, false)) return false;
  std::swap(out, results_);
  return true;
}

bool DiskThread::drain(std::chrono::milliseconds most) {
  std::unique_lock lock(mutex_);
  return done_.wait_for(lock, most, [this] { return at_rest(); });
}

void DiskThread::work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (filled_.wait(lock, stop, [this] { return !reads_.empty() || !writes_.empty(); }) && !stop.stop_requested()) {
    auto& queue = reads_.empty() ? writes_ : reads_;
    {
      const Job job = std::move(queue.front());
      queue.pop_front();
      busy_ = true;
      lock.unlock();
      job();
    }
    lock.lock();
    busy_ = false;
    any_ = true;
    done_.notify_all();
    if (!wake_) continue;
    lock.unlock();
    wake_();
    lock.lock();
  }
}

void DiskThread::do_write(std::uint64_t id, const SharedSequence& saved) {
  auto name = disk_.write(*saved);
  auto evicted = disk_.take_evicted();
  if (name) std::erase(evicted, *name);  // it was there, made room for itself, and is there again
  auto found = disk_.find_new();
  const std::scoped_lock lock(mutex_);
  results_.written.push_back({.id = id, .name = std::move(name)});
  std::ranges::move(found, std::back_inserter(results_.found));
  std::ranges::move(evicted, std::back_inserter(results_.evicted));
}

}  // namespace hearth::engine::core
