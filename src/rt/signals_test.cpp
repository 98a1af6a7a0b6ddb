#include "rt/signals.hpp"

#include <csignal>
#include <gtest/gtest.h>

#include "rt/io_threads.hpp"
#include "rt/race.hpp"

namespace hearth::rt {
namespace {

TEST(Signals, arriveInACoroutine) {
  run_here([]() -> Task<void> {
    Signals signals(co_await current_executor(), {SIGUSR1, SIGUSR2});
    EXPECT_EQ(std::raise(SIGUSR2), 0);
    EXPECT_EQ(co_await signals.next(), SIGUSR2);
    EXPECT_EQ(std::raise(SIGUSR1), 0);
    EXPECT_EQ(co_await signals.next(), SIGUSR1);
    EXPECT_FALSE(
        (co_await with_deadline(signals.next(), base::Deadline::after(std::chrono::milliseconds(1)))).has_value());
  }());
}

}  // namespace
}  // namespace hearth::rt
