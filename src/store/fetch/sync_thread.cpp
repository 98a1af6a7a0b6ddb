#include "store/fetch/sync_thread.hpp"

#include <utility>

namespace hearth::store::fetch {

SyncThread::SyncThread() : thread_([this](const std::stop_token& stop) { work(stop); }) {}

SyncThread::~SyncThread() { thread_.request_stop(); }

bool SyncThread::idle() const {
  const std::scoped_lock lock(mutex_);
  return file_ == nullptr;
}

void SyncThread::sync(PartialFile& file, RangeSet written) {
  const std::scoped_lock lock(mutex_);
  file_ = &file;
  written_ = std::move(written);
  changed_.notify_all();
}

void SyncThread::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return file_ == nullptr; });
}

void SyncThread::work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [&] { return file_ != nullptr; })) {
    PartialFile* const file = file_;
    const RangeSet written = std::move(written_);
    lock.unlock();
    (void)file->sync(written);
    lock.lock();
    file_ = nullptr;
    changed_.notify_all();
  }
}

}  // namespace hearth::store::fetch
