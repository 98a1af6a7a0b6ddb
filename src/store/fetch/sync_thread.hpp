#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "store/fetch/partial_file.hpp"

namespace hearth::store::fetch {

// Brings what has been written of a file to the disk now and then, so that a power failure costs seconds and the end
// of a download does not wait for gigabytes. Errors stay with the file.
class SyncThread {
 public:
  SyncThread();
  ~SyncThread();  // waits for a sync in progress
  SyncThread(const SyncThread&) = delete;
  SyncThread& operator=(const SyncThread&) = delete;

  [[nodiscard]] bool idle() const;
  // REQUIRES: idle(); `file` lives until wait_for(file) has returned.
  void sync(PartialFile& file);
  void wait_for(const PartialFile& file);

 private:
  void work(const std::stop_token& stop);

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  PartialFile* file_ = nullptr;
  RangeSet written_;
  int epoch_ = 0;
  std::jthread thread_;  // last
};

}  // namespace hearth::store::fetch
