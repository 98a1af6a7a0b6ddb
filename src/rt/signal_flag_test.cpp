#include "rt/signal_flag.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

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

// All of a loop wake together, and those whom another thread wakes need not wait for them.
TEST(HeldWakes, areToldAtTheirRelease) {
  std::vector<SignalFlag> flags(3);
  SignalFlag other;
  run_here([](std::vector<SignalFlag>& all, SignalFlag& free) -> Task<void> {
    std::vector<int> woken;
    Nursery nursery(co_await current_executor());
    const auto wait = [](SignalFlag& flag, std::vector<int>& out, int n) -> Task<void> {
      EXPECT_TRUE(co_await flag.wait());
      out.push_back(n);
    };
    for (int i = 0; i < 3; ++i) nursery.spawn(wait(all[static_cast<std::size_t>(i)], woken, i));
    nursery.spawn(wait(free, woken, 9));
    co_await yield();
    {
      HeldWakes held;
      for (SignalFlag& flag : all) flag.set();
      for (int i = 0; i < 10; ++i) co_await yield();
      EXPECT_TRUE(woken.empty());
      held.release();
      for (int i = 0; i < 10; ++i) co_await yield();
      EXPECT_EQ(woken, (std::vector{0, 1, 2}));
      free.set();
    }
    co_await nursery.join();
    EXPECT_EQ(woken.back(), 9);
  }(flags, other));
}

TEST(HeldWakes, holdUpNoOtherThread) {
  SignalFlag flag;
  SignalFlag other;
  run_here([](SignalFlag& mine, SignalFlag& theirs) -> Task<void> {
    Nursery nursery(co_await current_executor());
    const auto wait = [](SignalFlag& f) -> Task<void> { EXPECT_TRUE(co_await f.wait()); };
    nursery.spawn(wait(mine));
    nursery.spawn(wait(theirs));
    co_await yield();
    const HeldWakes held;
    mine.set();
    std::jthread([&] { theirs.set(); }).join();
    co_await nursery.join();  // before the release
  }(flag, other));
}

TEST(HeldWakes, reachEachLoop) {
  IoThreads threads(2);
  std::vector<SignalFlag> flags(4);
  std::vector<std::future<bool>> waits;
  const auto wait = [](SignalFlag& flag) -> Task<bool> { co_return co_await flag.wait(); };
  for (std::size_t i = 0; i < flags.size(); ++i)
    waits.push_back(boost::asio::co_spawn(threads.executor(i % 2), wait(flags[i]), boost::asio::use_future));
  const auto let_both_run = [&] {
    for (std::size_t i = 0; i < 2; ++i) boost::asio::post(threads.executor(i), boost::asio::use_future).get();
  };
  let_both_run();
  HeldWakes held;
  for (SignalFlag& flag : flags) flag.set();
  let_both_run();
  for (const auto& one : waits) EXPECT_NE(one.wait_for(0ms), std::future_status::ready);
  held.release();
  for (auto& one : waits) EXPECT_TRUE(one.get());
}

TEST(SignalFlag, aLoopMayEndBeforeItWakes) {
  SignalFlag flag;
  bool woken = false;
  {
    boost::asio::io_context loop;
    boost::asio::co_spawn(
        loop, [](SignalFlag& f, bool& w) -> Task<void> { w = co_await f.wait(); }(flag, woken), boost::asio::detached);
    loop.poll();
    flag.set();
  }
  EXPECT_FALSE(woken);
  EXPECT_TRUE(flag.is_set());
}

TEST(SignalFlag, survivesManyThreads) {
  SignalFlag flag;
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
  IoThreads threads(2);
  std::vector<std::future<void>> loops;
  for (std::size_t i = 0; i < threads.size(); ++i) {
    const auto wait = [](SignalFlag& f) -> Task<void> {
      for (int n = 0; n < 2000; ++n) EXPECT_TRUE(co_await f.wait());
    };
    loops.push_back(boost::asio::co_spawn(threads.executor(i), wait(flag), boost::asio::use_future));
  }
  for (auto& loop : loops) loop.get();
  for (auto& thread : setters) thread.join();
}

}  // namespace
}  // namespace hearth::rt
