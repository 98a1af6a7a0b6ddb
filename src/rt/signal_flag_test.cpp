#include "rt/signal_flag.hpp"

#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <thread>

#include "rt/io_threads.hpp"
#include "rt/nursery.hpp"
#include "rt/race.hpp"

namespace hearth::rt {
namespace {

using namespace std::chrono_literals;

TEST(SignalFlag, isLevelTriggered) {
  SignalFlag flag;
  flag.set();
  EXPECT_TRUE(flag.is_set());
  run_here([](SignalFlag& f) -> Task<void> {
    EXPECT_TRUE(co_await f.wait());
    EXPECT_TRUE(co_await f.wait());
    f.reset();
    EXPECT_FALSE(co_await f.wait(base::Deadline::after(1ms)));
  }(flag));
}

TEST(SignalFlag, wakesAllWaitersFromAnotherThread) {
  SignalFlag flag;
  run_here([](SignalFlag& f) -> Task<void> {
    int woken = 0;
    Nursery nursery(co_await current_executor());
    for (int i = 0; i < 10; ++i) {
      nursery.spawn([](SignalFlag& g, int& n) -> Task<void> { n += co_await g.wait() ? 1 : 0; }(f, woken));
    }
    co_await yield();
    std::thread other([&] { f.set(); });
    co_await nursery.join();
    other.join();
    EXPECT_EQ(woken, 10);
  }(flag));
}

TEST(SignalFlag, aSetFollowedByAResetStillWakes) {
  SignalFlag flag;
  run_here([](SignalFlag& f) -> Task<void> {
    bool woken = false;
    Nursery nursery(co_await current_executor());
    nursery.spawn([](SignalFlag& g, bool& w) -> Task<void> { w = co_await g.wait(); }(f, woken));
    co_await yield();
    f.set();
    f.reset();
    co_await nursery.join();
    EXPECT_TRUE(woken);
  }(flag));
}

TEST(SignalFlag, mayGoWhileOthersWait) {
  auto flag = std::make_unique<SignalFlag>();
  run_here([](std::unique_ptr<SignalFlag> f) -> Task<void> {
    std::optional<bool> result;
    Nursery nursery(co_await current_executor());
    nursery.spawn([](SignalFlag& g, std::optional<bool>& r) -> Task<void> { r = co_await g.wait(); }(*f, result));
    co_await yield();
    f.reset();
    co_await nursery.join();
    EXPECT_EQ(result, false);
  }(std::move(flag)));
}

TEST(SignalFlag, aWaitCanBeCancelled) {
  SignalFlag flag;
  run_here([](SignalFlag& f) -> Task<void> {
    EXPECT_FALSE((co_await with_deadline(f.wait(), base::Deadline::after(1ms))).has_value());
  }(flag));
}

TEST(SignalFlag, survivesManyThreads) {
  SignalFlag flag;
  IoThreads threads(2);
  std::vector<std::thread> setters;
  for (int i = 0; i < 2; ++i) {
    setters.emplace_back([&] {
      for (int k = 0; k < 5000; ++k) {
        flag.set();
        if (k % 3 == 0) flag.reset();
      }
      flag.set();
    });
  }
  run_here([](SignalFlag& f) -> Task<void> {
    for (int i = 0; i < 2000; ++i) EXPECT_TRUE(co_await f.wait());
  }(flag));
  for (auto& thread : setters) thread.join();
}

}  // namespace
}  // namespace hearth::rt
