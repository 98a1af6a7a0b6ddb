#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/result.hpp"
#include "store/fetch/digest.hpp"

namespace hearth::store::fetch {

// Hashes files while they grow: each job reads its file from the beginning up to a frontier that its owner moves
// forward, and is done at the file's end. Several jobs run side by side, one thread each at a time. Thread-safe.
// Memory: 1 MiB per thread.
class HashThreads {
 public:
  using JobId = std::uint64_t;

  // `wake` is called on a hash thread whenever a job is done.
  HashThreads(std::size_t count, std::function<void()> wake);
  ~HashThreads();  // stops at once; jobs that are not done never will be
  HashThreads(const HashThreads&) = delete;
  HashThreads& operator=(const HashThreads&) = delete;

  // `fd` stays open until the job is done or dropped. `sync`: a done job's file is on disk.
  [[nodiscard]] JobId add(int fd, Digest::Kind kind, std::uint64_t size, bool sync);
  // Bytes below `frontier` may be read.
  void advance(JobId id, std::uint64_t frontier);
  [[nodiscard]] std::uint64_t hashed(JobId id) const;
  // The outcome, once; nothing while the job is not done. kIo: the file could not be read, or not brought to the disk.
  [[nodiscard]] std::optional<Result<Digest>> take(JobId id);
  // Waits for a read in progress; the job is gone afterwards.
  void drop(JobId id);
  // Until some job is done that nobody has taken, at most so long.
  void wait_for_any(std::chrono::milliseconds longest);

 private:
  struct Job {
    JobId id;
    int fd;
    std::uint64_t size;
    bool sync;
    Hasher hasher;
    std::uint64_t frontier = 0;
    std::uint64_t hashed = 0;
    bool running = false;
    std::optional<Result<Digest>> outcome;
    [[nodiscard]] bool ready() const { return !running && !outcome && (hashed < frontier || hashed == size); }
  };
  void work(const std::stop_token& stop);
  void step(Job& job, std::vector<char>& buffer, std::unique_lock<std::mutex>& lock, const std::stop_token& stop);
  [[nodiscard]] Job* find(JobId id);
  [[nodiscard]] const Job* find(JobId id) const;

  std::function<void()> wake_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::list<Job> jobs_;
  JobId last_id_ = 0;
  std::vector<std::jthread> threads_;  // last: they use everything above
};

}  // namespace hearth::store::fetch
