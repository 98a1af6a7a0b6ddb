#pragma once

#include <initializer_list>
#include <memory>

#include "rt/task.hpp"

namespace hearth::rt {

// Delivers process signals to a coroutine. One instance per signal set and process (composition roots only).
class Signals {
 public:
  Signals(const Executor& executor, std::initializer_list<int> numbers);
  ~Signals();
  // The next signal's number. Cancellable.
  [[nodiscard]] Task<int> next();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::rt
