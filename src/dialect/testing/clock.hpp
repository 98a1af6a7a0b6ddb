#pragma once

#include <chrono>

#include "base/clock.hpp"

namespace hearth::dialect::testing {

// Always 2026-11-02T08:15:30.120000001Z on the wall; each look at the steady clock is one millisecond later than the
// last.
class StepClock final : public base::Clock {
 public:
  [[nodiscard]] base::SteadyTime now() const override { return steady_ += std::chrono::milliseconds(1); }
  [[nodiscard]] base::WallTime wall() const override {
    return base::WallTime(std::chrono::seconds(1793607330) + std::chrono::nanoseconds(120000001));
  }

 private:
  mutable base::SteadyTime steady_{};
};

}  // namespace hearth::dialect::testing
