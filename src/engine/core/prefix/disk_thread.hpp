#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "engine/core/prefix/prefix_disk.hpp"

namespace hearth::engine::core {

// A PrefixDisk on a thread of its own: the engine thread says what to do and learns later what was done. Reads go
// first, because requests wait for them. What was not begun when it ends is not done. For one caller's thread.
class DiskThread {
 public:
  struct Done {
    struct Written {
      std::uint64_t id = 0;
      std::optional<std::string> name;  // nothing: it could not be written
    };
    struct Read {
      std::uint64_t id = 0;
      SharedSequence saved;  // null: it is gone
    };
    std::vector<Written> written;
    std::vector<Read> read;
    std::vector<PrefixDisk::File> found;  // other processes have written
    std::vector<std::string> evicted;     // files, of any model, that had to make room
  };

  // Reads what is there before it returns, into `found`. `wake`: called on the thread whenever something can be taken.
  DiskThread(PrefixDiskOptions options, base::Log& log, std::vector<PrefixDisk::File>& found,
             std::function<void()> wake);

  // `id` comes back.
  void write(std::uint64_t id, SharedSequence saved);
  void read(std::uint64_t id, std::string name);
  void remove(std::string name);
  // What was done since the last call; false: nothing.
  bool take(Done& out);
  // Until all is done, or this long. false: there is more.
  bool drain(std::chrono::milliseconds most);

 private:
  using Job = std::function<void()>;
  void work(const std::stop_token& stop);
  void add(std::deque<Job>& queue, Job job);
  void do_write(std::uint64_t id, const SharedSequence& saved);
  [[nodiscard]] bool at_rest() const { return reads_.empty() && writes_.empty() && !busy_; }

  PrefixDisk disk_;  // of the thread, once it runs
  const std::function<void()> wake_;
  std::mutex mutex_;  // of all below
  std::condition_variable_any filled_;
  std::condition_variable done_;
  std::deque<Job> reads_;
  std::deque<Job> writes_;
  Done results_;
  bool busy_ = false;
  bool any_ = false;  // results_ has something
  std::jthread thread_;
};

}  // namespace hearth::engine::core
