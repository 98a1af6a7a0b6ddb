#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "rt/signal_flag.hpp"

namespace hearth::sched {

// "Something changed, look again", for coroutines of one loop. Waiting starts at the call of wait, so that nothing is
// lost between a check and the wait on the same loop.
class Condition {
 public:
  [[nodiscard]] rt::Task<void> wait(base::Deadline deadline = {}) {
    auto flag = std::make_shared<rt::SignalFlag>();  // shared: a cancelled waiter leaves it in the list
    waiters_.push_back(flag);
    co_await flag->wait(deadline);
  }
  void notify_all() {
    for (const auto& flag : std::exchange(waiters_, {})) flag->set();
  }

 private:
  std::vector<std::shared_ptr<rt::SignalFlag>> waiters_;
};

}  // namespace hearth::sched
