#include "store/fetch/sync_thread.hpp"

#include <utility>

namespace hearth::store::fetch {

SyncThread::SyncThread() : thread_([this](const std::stop_token& stop) { work(stop); }) {}

SyncThread::~SyncThread() { thread_.request_stop(); }

bool SyncThread::idle() const {
  const std::scoped_lock lock(mutex_);
  return file_ == nullptr;
}

void SyncThread::sync(PartialFile& file) {
  const std::scoped_lock lock(mutex_);
  file_ = &file;
  written_ = file.done();
  epoch_ = file.epoch();
  changed_.notify_all();
}

void SyncThread::wait_for(const PartialFile& file) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return file_ != &file; });
}

void SyncThread::work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [&] { return file_ != nullptr; })) {
    PartialFile* const file = file_;
    const RangeSet written = std::move(written_);
    const int epoch = epoch_;
    lock.unlock();
    file->sync(written, epoch);
    lock.lock();
    file_ = nullptr;
    changed_.notify_all();
  }
}

}  // namespace hearth::store::fetch
