#include "sched/room.hpp"

#include <algorithm>
#include <limits>

namespace hearth::sched {

namespace {

constexpr base::Bytes kUnbounded{std::numeric_limits<std::uint64_t>::max()};

base::Bytes known(base::Bytes bytes) { return bytes.count == 0 ? kUnbounded : bytes; }

base::Bytes minus(base::Bytes from, base::Bytes what) {
  return from == kUnbounded ? from : base::Bytes{from.count - std::min(from.count, what.count)};
}

}  // namespace

base::Bytes most_room(const Room& room) {
  const base::Bytes freed = known(room.available) == kUnbounded ? kUnbounded : room.available + room.held;
  return std::min(freed, known(room.total));
}

Verdict room_for(const Room& room) {
  if (room.needed > most_room(room)) return Verdict::kNever;
  const base::Bytes now =
      std::min(minus(known(room.available), room.promised), minus(known(room.total), room.promised + room.held));
  return room.needed <= now ? Verdict::kFits : Verdict::kWhenOthersGo;
}

}  // namespace hearth::sched
