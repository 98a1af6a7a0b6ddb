#pragma once

#include <memory>

#include "base/clock.hpp"
#include "rt/task.hpp"

namespace hearth::rt {

// Wakes coroutines from any thread. `set` is thread-safe and never blocks; each waiter wakes on its own executor.
// Level-triggered: once set, every wait returns at once until `reset`.
class SignalFlag {
 public:
  SignalFlag();
  ~SignalFlag();
  SignalFlag(const SignalFlag&) = delete;
  SignalFlag& operator=(const SignalFlag&) = delete;

  void set();
  void reset();
  [[nodiscard]] bool is_set() const;
  // true: set; false: the deadline passed. Cancellable. The flag may be destroyed while others wait (they wake with
  // false).
  [[nodiscard]] Task<bool> wait(base::Deadline deadline = {});

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// While one lives, waiters that this thread wakes learn of it when `release` is called, all of a loop at once, and in
// its destructor. For a thread that wakes many in a row: a loop that it shares a core with would run in between for
// each. REQUIRES: one per thread at a time; the waiters' loops outlive it.
class HeldWakes {
 public:
  HeldWakes();
  ~HeldWakes();
  HeldWakes(const HeldWakes&) = delete;
  HeldWakes& operator=(const HeldWakes&) = delete;

  void release();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::rt
