#pragma once

#include "base/bytes.hpp"

namespace hearth::sched {

// What decides whether one more model may be loaded now.
struct Room {
  base::Bytes needed;     // estimate for the new model
  base::Bytes available;  // what a new process could get now; 0 = unknown
  base::Bytes total;      // what all processes together may have; 0 = unknown
  base::Bytes promised;   // to models that are being loaded and do not hold it yet
  base::Bytes held;       // by loaded models; files mapped into memory may be counted as available all the same
};

enum class Verdict {
  kFits,
  kWhenOthersGo,  // after other models have been unloaded
  kNever,         // not even alone
};

// Two things must hold: what is promised and needed is available, and all models together stay within the memory there
// is (`available` alone does not see that, because weights are mapped files).
[[nodiscard]] Verdict room_for(const Room& room);

// What there would be for the model if no other one were loaded.
[[nodiscard]] base::Bytes most_room(const Room& room);

}  // namespace hearth::sched
