#include "sched/room.hpp"

#include <gtest/gtest.h>

namespace hearth::sched {
namespace {

struct Case {
  const char* name;
  Room room;
  Verdict verdict;
};

Room gigabytes(std::uint64_t needed, std::uint64_t available, std::uint64_t total, std::uint64_t promised,
               std::uint64_t held) {
  constexpr std::uint64_t kGb = 1'000'000'000;
  return {.needed = {needed * kGb},
          .available = {available * kGb},
          .total = {total * kGb},
          .promised = {promised * kGb},
          .held = {held * kGb}};
}

TEST(Room, isJudged) {
  for (const auto& c : {
           Case{"alone", gigabytes(4, 10, 16, 0, 0), Verdict::kFits},
           Case{"exactly", gigabytes(10, 10, 16, 0, 0), Verdict::kFits},
           Case{"more than is available, nothing to unload", gigabytes(11, 10, 16, 0, 0), Verdict::kNever},
           Case{"more than the machine has", gigabytes(17, 0, 16, 0, 0), Verdict::kNever},
           Case{"two that load together see each other", gigabytes(6, 10, 16, 6, 0), Verdict::kWhenOthersGo},
           Case{"what loads now can go later", gigabytes(6, 4, 16, 4, 6), Verdict::kWhenOthersGo},
           Case{"what is only promised is there still", gigabytes(6, 4, 16, 4, 0), Verdict::kNever},
           Case{"small enough for both", gigabytes(4, 10, 16, 6, 0), Verdict::kFits},
           Case{"fits when a loaded one goes", gigabytes(8, 4, 16, 0, 8), Verdict::kWhenOthersGo},
           Case{"would not fit if all went: nobody is unloaded for it", gigabytes(13, 4, 16, 0, 8), Verdict::kNever},
           Case{"a KV cache that is not used yet will be", gigabytes(6, 8, 16, 6, 4), Verdict::kWhenOthersGo},
           Case{"no more than there is", gigabytes(8, 14, 16, 0, 12), Verdict::kWhenOthersGo},
           Case{"available unknown", gigabytes(8, 0, 16, 0, 0), Verdict::kFits},
           Case{"available unknown, others loaded", gigabytes(8, 0, 16, 4, 8), Verdict::kWhenOthersGo},
           Case{"nothing known", gigabytes(800, 0, 0, 4, 8), Verdict::kFits},
           Case{"total unknown", gigabytes(8, 10, 0, 4, 8), Verdict::kWhenOthersGo},
       }) {
    EXPECT_EQ(room_for(c.room), c.verdict) << c.name;
  }
}

TEST(Room, saysHowMuchThereCouldBe) {
  EXPECT_EQ(most_room(gigabytes(1, 4, 16, 2, 8)).count, 12'000'000'000U);
  EXPECT_EQ(most_room(gigabytes(1, 14, 16, 0, 8)).count, 16'000'000'000U);
}

}  // namespace
}  // namespace hearth::sched
