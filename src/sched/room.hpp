#pragma once

#include "base/bytes.hpp"

namespace hearth::sched {

// What decides whether one more model may be loaded now.
struct Room {
  base::Bytes needed;     // estimate for the new model
  base::Bytes available;  // what a new process could get now; 0 = unknown
  base::Bytes total;      // what all processes together may have; 0 = unknown
  base::Bytes promised;   // to models, and not taken by them yet: while they load, and for KV caches not yet used
  base::Bytes held;       // by models
};

enum class Verdict {
  kFits,
  kWhenOthersGo,  // after other models have been unloaded
  kNever,         // not even alone
};

// Two things must hold: what is promised and needed is available, and all models together stay within the memory there
// is.
[[nodiscard]] Verdict room_for(const Room& room);

// What there would be for the model if no other one were loaded.
[[nodiscard]] base::Bytes most_room(const Room& room);

}  // namespace hearth::sched
