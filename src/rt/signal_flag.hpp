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

}  // namespace hearth::rt
