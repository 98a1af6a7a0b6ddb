#include "rt/nursery.hpp"

#include <gtest/gtest.h>
#include <stdexcept>

#include "rt/io_threads.hpp"

namespace hearth::rt {
namespace {

struct CountsDown {
  int& n;
  ~CountsDown() { --n; }
};

Task<void> wait_for_ever(int& running) {
  ++running;
  const CountsDown at_end{running};
  co_await sleep_for(std::chrono::hours(1));
}

TEST(Nursery, joinWaitsForAll) {
  run_here([]() -> Task<void> {
    Nursery nursery(co_await current_executor());
    int done = 0;
    for (int i = 0; i < 5; ++i) {
      nursery.spawn([](int& n) -> Task<void> {
        co_await yield();
        ++n;
      }(done));
    }
    EXPECT_EQ(nursery.running(), 5U);
    co_await nursery.join();
    EXPECT_EQ(done, 5);
    EXPECT_EQ(nursery.running(), 0U);
    co_await nursery.join();  // of nothing
  }());
}

TEST(Nursery, cancelUnwindsTheTasks) {
  run_here([]() -> Task<void> {
    Nursery nursery(co_await current_executor());
    int running = 0;
    for (int i = 0; i < 5; ++i) nursery.spawn(wait_for_ever(running));
    co_await yield();
    EXPECT_EQ(running, 5);
    nursery.cancel();
    co_await nursery.join();
    EXPECT_EQ(running, 0);
  }());
}

TEST(Nursery, destructionCancels) {
  run_here([]() -> Task<void> {
    int running = 0;
    {
      Nursery nursery(co_await current_executor());
      nursery.spawn(wait_for_ever(running));
      co_await yield();
      EXPECT_EQ(running, 1);
    }
    while (running > 0) co_await yield();
  }());
}

TEST(Nursery, aTaskMaySpawnAnother) {
  run_here([]() -> Task<void> {
    Nursery nursery(co_await current_executor());
    int done = 0;
    nursery.spawn([](Nursery& n, int& d) -> Task<void> {
      n.spawn([](int& inner) -> Task<void> {
        co_await yield();
        ++inner;
      }(d));
      co_return;
    }(nursery, done));
    co_await nursery.join();
    EXPECT_EQ(done, 1);
  }());
}

TEST(Nursery, anExceptionIsReported) {
  run_here([]() -> Task<void> {
    std::string what;
    Nursery nursery(co_await current_executor(), [&](const std::exception_ptr& failure) {
      try {
        std::rethrow_exception(failure);
      } catch (const std::exception& e) {
        what = e.what();
      }
    });
    nursery.spawn([]() -> Task<void> {
      co_await yield();
      throw std::runtime_error("a bug");
    }());
    co_await nursery.join();
    EXPECT_EQ(what, "a bug");
  }());
}

}  // namespace
}  // namespace hearth::rt
