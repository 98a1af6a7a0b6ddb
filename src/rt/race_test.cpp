#include "rt/race.hpp"

#include <gtest/gtest.h>
#include <memory>
#include <stdexcept>

#include "rt/io_threads.hpp"
#include "rt/nursery.hpp"

namespace hearth::rt {
namespace {

using namespace std::chrono_literals;

struct NoDefault {
  explicit NoDefault(int v) : value(v) {}
  int value;
};

Task<NoDefault> soon(int value) {
  co_await yield();
  co_return NoDefault(value);
}
Task<NoDefault> never(bool& unwound) {
  struct AtEnd {
    bool& flag;
    ~AtEnd() { flag = true; }
  } at_end{unwound};
  co_await sleep_for(std::chrono::hours(1));
  co_return NoDefault(0);
}
Task<NoDefault> fails() {
  co_await yield();
  throw std::runtime_error("a bug");
}

TEST(Race, theFirstWinsAndTheOtherIsUnwound) {
  run_here([]() -> Task<void> {
    bool unwound = false;
    const auto left = co_await race(soon(1), never(unwound));
    EXPECT_EQ(std::get<0>(left).value, 1);
    EXPECT_TRUE(unwound);
    const auto right = co_await race(sleep_for(std::chrono::hours(1)), soon(2));
    EXPECT_EQ(std::get<1>(right).value, 2);
  }());
}

TEST(Race, anExceptionWinsToo) {
  run_here([]() -> Task<void> {
    bool unwound = false;
    EXPECT_THROW(std::ignore = co_await race(fails(), never(unwound)), std::runtime_error);
    EXPECT_TRUE(unwound);
  }());
}

TEST(WithDeadline, givesTheValueOrNothing) {
  run_here([]() -> Task<void> {
    const auto value = co_await with_deadline(soon(3), base::Deadline::after(1h));
    EXPECT_TRUE(value && value->value == 3);
    const auto unlimited = co_await with_deadline(soon(4), {});
    EXPECT_TRUE(unlimited && unlimited->value == 4);
    bool unwound = false;
    const auto late = co_await with_deadline(never(unwound), base::Deadline::after(1ms));
    EXPECT_FALSE(late.has_value());
    EXPECT_TRUE(unwound);
    EXPECT_THROW(std::ignore = co_await with_deadline(fails(), base::Deadline::after(1h)), std::runtime_error);
  }());
}

TEST(WithDeadline, worksForTasksWithoutValue) {
  run_here([]() -> Task<void> {
    EXPECT_TRUE(co_await with_deadline(yield(), base::Deadline::after(1h)));
    EXPECT_TRUE(co_await with_deadline(yield(), {}));
    EXPECT_FALSE(co_await with_deadline(sleep_for(1h), base::Deadline::after(1ms)));
  }());
}

TEST(Race, cancellationFromOutsideEndsBoth) {
  run_here([]() -> Task<void> {
    bool a = false;
    bool b = false;
    Nursery nursery(co_await current_executor());
    nursery.spawn([](bool& x, bool& y) -> Task<void> { std::ignore = co_await race(never(x), never(y)); }(a, b));
    co_await yield();
    nursery.cancel();
    co_await nursery.join();
    EXPECT_TRUE(a && b);
  }());
}

}  // namespace
}  // namespace hearth::rt
