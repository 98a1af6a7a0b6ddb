#pragma once

#include <functional>
#include <memory>

#include "rt/task.hpp"

namespace hearth::rt {

// Owns coroutines: no task is detached. Make it the last member of the object whose state its tasks use.
// One executor; all calls on that executor. Destruction cancels what still runs and does not wait: tasks keep the
// shared state of the nursery alive only until they have unwound, so call `co_await join()` before destroying what they
// use. An exception that leaves a task goes to `on_bug` (default: std::terminate).
class Nursery {
 public:
  explicit Nursery(Executor executor, std::function<void(std::exception_ptr)> on_bug = {});
  Nursery(const Nursery&) = delete;
  Nursery& operator=(const Nursery&) = delete;
  ~Nursery();

  void spawn(Task<void> task);
  void cancel();
  [[nodiscard]] std::size_t running() const;
  // Until no task runs. Does not cancel by itself.
  [[nodiscard]] Task<void> join();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace hearth::rt
