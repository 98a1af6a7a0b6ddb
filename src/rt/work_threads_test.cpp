#include "rt/work_threads.hpp"

#include <future>
#include <gtest/gtest.h>
#include <stdexcept>
#include <string>
#include <thread>

#include "rt/io_threads.hpp"
#include "rt/nursery.hpp"
#include "rt/race.hpp"

namespace hearth::rt {
namespace {

TEST(WorkThreads, runThereAndComeBack) {
  run_here([]() -> Task<void> {
    WorkThreads w(1, "test-work");
    const auto here = std::this_thread::get_id();
    std::thread::id there;
    const std::string text = co_await w.run([&] {
      there = std::this_thread::get_id();
      return std::string("done");
    });
    EXPECT_EQ(text, "done");
    EXPECT_NE(there, here);
    EXPECT_EQ(std::this_thread::get_id(), here);
  }());
}

TEST(WorkThreads, bringsExceptionsBack) {
  run_here([]() -> Task<void> {
    WorkThreads w(1, "test-work");
    bool thrown = false;
    try {
      (void)co_await w.run([]() -> int { throw std::runtime_error("no"); });
    } catch (const std::runtime_error& e) {
      thrown = e.what() == std::string("no");
    }
    EXPECT_TRUE(thrown);
    EXPECT_EQ(co_await w.run([] { return 7; }), 7);  // the thread lives on
  }());
}

TEST(WorkThreads, leaveTheLoopFree) {
  run_here([]() -> Task<void> {
    WorkThreads w(1, "test-work");
    std::promise<void> go;
    bool ended = false;
    Nursery nursery(co_await current_executor());
    nursery.spawn([](WorkThreads& t, std::promise<void>& p, bool& e) -> Task<void> {
      e = co_await t.run([&] {
        p.get_future().wait();
        return true;
      });
    }(w, go, ended));
    co_await yield();
    EXPECT_FALSE(ended);
    go.set_value();
    co_await nursery.join();
    EXPECT_TRUE(ended);
  }());
}

// Who is cancelled waits for the end of the work, which uses what the caller owns, and goes no further.
TEST(WorkThreads, aCancelledCallerWaits) {
  run_here([]() -> Task<void> {
    WorkThreads w(1, "test-work");
    std::promise<void> begun;
    std::promise<void> go;
    bool worked = false;
    bool went_on = false;
    Nursery nursery(co_await current_executor());
    nursery.spawn([](WorkThreads& t, std::promise<void>& b, std::promise<void>& g, bool& done, bool& on) -> Task<void> {
      int local = 1;
      (void)co_await t.run([&] {
        b.set_value();
        g.get_future().wait();
        local = 2;
        return 0;
      });
      done = local == 2;
      co_await sleep_for(std::chrono::hours(1));
      on = true;
    }(w, begun, go, worked, went_on));
    co_await yield();
    begun.get_future().wait();
    nursery.cancel();
    go.set_value();
    co_await nursery.join();
    EXPECT_TRUE(worked);
    EXPECT_FALSE(went_on);
  }());
}

// Work that has not begun is left out.
TEST(WorkThreads, aCancelledCallerInTheQueueLeavesItsWorkOut) {
  run_here([]() -> Task<void> {
    WorkThreads w(1, "test-work");
    std::promise<void> begun;
    std::promise<void> go;
    int done = 0;
    Nursery nursery(co_await current_executor());
    nursery.spawn([](WorkThreads& t, std::promise<void>& b, std::promise<void>& g, int& n) -> Task<void> {
      n += co_await t.run([&] {
        b.set_value();
        g.get_future().wait();
        return 1;
      });
    }(w, begun, go, done));
    auto second = [](WorkThreads& t, int& n) -> Task<void> { n += co_await t.run([&] { return n += 100; }); };
    nursery.spawn(second(w, done));
    co_await yield();
    begun.get_future().wait();
    nursery.cancel();
    go.set_value();
    co_await nursery.join();
    EXPECT_EQ(done, 1);
    EXPECT_EQ(co_await w.run([] { return 7; }), 7);
  }());
}

}  // namespace
}  // namespace hearth::rt
