#include "engine/core/sampling/crew.hpp"

#include <array>
#include <atomic>
#include <gtest/gtest.h>
#include <thread>
#include <vector>

namespace hearth::engine::core {
namespace {

TEST(Crew, DoesEachTaskOnce) {
  for (const std::size_t helpers : {0U, 1U, 3U}) {
    Crew crew(helpers);
    for (const std::size_t count : {0U, 1U, 2U, 100U}) {
      std::vector<std::atomic<int>> done(count);
      crew.run(count, 3, [&](std::size_t i) { ++done[i]; });
      for (const auto& times : done) EXPECT_EQ(times, 1);
    }
  }
}

TEST(Crew, WorksOnSeveralThreads) {
  Crew crew(1);
  std::atomic<int> arrived = 0;
  crew.run(2, 2, [&](std::size_t) {  // neither ends before the other has begun
    ++arrived;
    while (arrived < 2) std::this_thread::yield();
  });
  EXPECT_EQ(arrived, 2);
}

TEST(Crew, WakesNobodyForOneThread) {
  Crew crew(2);
  const auto caller = std::this_thread::get_id();
  crew.run(50, 1, [&](std::size_t) { EXPECT_EQ(std::this_thread::get_id(), caller); });
}

TEST(Crew, RunsFollowEachOther) {
  Crew crew(2);
  std::size_t sum = 0;
  for (std::size_t run = 0; run < 2000; ++run) {
    std::array<std::size_t, 3> out{};
    crew.run(out.size(), 3, [&](std::size_t i) { out[i] = run + i; });
    for (const std::size_t value : out) sum += value;
  }
  EXPECT_EQ(sum, 3U * (1999U * 2000U / 2) + 2000U * 3U);
}

}  // namespace
}  // namespace hearth::engine::core
