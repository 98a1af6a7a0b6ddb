#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

namespace hearth::engine::core {

// Threads that share out tasks of some ten microseconds each with the thread that has them: the draws of one step.
class Crew {
 public:
  explicit Crew(std::size_t helpers);  // they start when they are wanted; 0: the caller does everything
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;
  ~Crew();

  // task(i) once for each i < count, in any order, on up to `threads` of the threads; returns when all are done.
  // REQUIRES: one caller at a time; task does not throw.
  void run(std::size_t count, std::size_t threads, const std::function<void(std::size_t)>& task);

 private:
  void help(const std::stop_token& stop);
  void take_tasks(std::unique_lock<std::mutex>& lock);

  const std::size_t helpers_;
  std::mutex mutex_;  // of all below but the threads
  std::condition_variable_any more_;
  std::condition_variable all_done_;
  const std::function<void(std::size_t)>* task_ = nullptr;
  std::size_t count_ = 0;
  std::size_t next_ = 0;
  std::size_t done_ = 0;
  std::vector<std::jthread> threads_;  // last: they end before the rest
};

}  // namespace hearth::engine::core
