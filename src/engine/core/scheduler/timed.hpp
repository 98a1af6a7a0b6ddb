#pragma once

#include <chrono>
#include <cstdint>

#include "base/clock.hpp"

namespace hearth::engine::core {

// Adds the time of its life to a counter.
class Timed {
 public:
  Timed(const base::Clock& clock, std::uint64_t& nanoseconds)
      : clock_(clock), nanoseconds_(nanoseconds), begin_(clock.now()) {}
  Timed(const Timed&) = delete;
  Timed& operator=(const Timed&) = delete;
  ~Timed() { nanoseconds_ += static_cast<std::uint64_t>(std::chrono::nanoseconds(clock_.now() - begin_).count()); }

 private:
  const base::Clock& clock_;
  std::uint64_t& nanoseconds_;
  const base::SteadyTime begin_;
};

}  // namespace hearth::engine::core
