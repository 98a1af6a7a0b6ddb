#pragma once

#include <cstddef>
#include <memory>

#include "rt/task.hpp"

namespace hearth::rt {

// N event loops with one thread each. What is started on one loop stays there: no strands, no cross-thread
// cancellation.
class IoThreads {
 public:
  explicit IoThreads(std::size_t count);
  ~IoThreads();  // stop() and join
  IoThreads(const IoThreads&) = delete;
  IoThreads& operator=(const IoThreads&) = delete;

  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] Executor executor(std::size_t index);
  // Thread-safe; the loops end after their current handler.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Runs `task` on a loop of its own on the calling thread until it ends (for main, CLI and tests).
// SIGINT and SIGTERM are left alone.
void run_here(Task<void> task);

}  // namespace hearth::rt
