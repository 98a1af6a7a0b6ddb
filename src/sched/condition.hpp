#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "rt/signal_flag.hpp"

namespace hearth::sched {

// "Something changed, look again", for coroutines of one loop. Waiting starts at the call of wait, so that nothing is
// lost between a check and the wait on the same loop. REQUIRES: it outlives the waiters.
class Condition {
 public:
  [[nodiscard]] rt::Task<void> wait(base::Deadline deadline = {}) {
    struct Waiter {
      Condition& condition;
      rt::SignalFlag flag;
      explicit Waiter(Condition& c) : condition(c) { c.waiters_.push_back(&flag); }
      ~Waiter() { std::erase(condition.waiters_, &flag); }
    };
    Waiter waiter(*this);
    co_await waiter.flag.wait(deadline);
  }
  void notify_all() {
    for (auto* const flag : std::exchange(waiters_, {})) flag->set();
  }

 private:
  std::vector<rt::SignalFlag*> waiters_;
};

}  // namespace hearth::sched
