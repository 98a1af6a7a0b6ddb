#include "rt/channel.hpp"

#include <gtest/gtest.h>
#include <memory>
#include <thread>

#include "rt/io_threads.hpp"
#include "rt/nursery.hpp"

namespace hearth::rt {
namespace {

using namespace std::chrono_literals;

TEST(Channel, keepsOrderAndTakesAllAtOnce) {
  Channel<int> channel(4);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(channel.try_send(int(i)));
  EXPECT_FALSE(channel.try_send(9));
  run_here(
      [](Channel<int>& c) -> Task<void> { EXPECT_EQ(co_await c.receive_all(), (std::vector{0, 1, 2, 3})); }(channel));
  EXPECT_TRUE(channel.try_send(9));
}

TEST(Channel, aRefusedValueIsLeftWithTheSender) {
  Channel<std::unique_ptr<int>> channel(1);
  EXPECT_TRUE(channel.try_send(std::make_unique<int>(1)));
  auto second = std::make_unique<int>(2);
  EXPECT_FALSE(channel.try_send(std::move(second)));
  EXPECT_TRUE(second != nullptr);  // NOLINT(bugprone-use-after-move): the contract under test
  channel.close();
  EXPECT_FALSE(channel.try_send(std::move(second)));
  EXPECT_TRUE(second != nullptr);  // NOLINT(bugprone-use-after-move)
}

TEST(Channel, whatWasSentBeforeTheCloseArrives) {
  Channel<int> channel(4);
  EXPECT_TRUE(channel.try_send(1));
  channel.close();
  run_here([](Channel<int>& c) -> Task<void> {
    EXPECT_EQ(co_await c.receive_all(), std::vector{1});
    EXPECT_TRUE((co_await c.receive_all()).empty());
    EXPECT_TRUE(c.closed());
  }(channel));
}

TEST(Channel, aDeadlineGivesNothing) {
  Channel<int> channel(4);
  run_here([](Channel<int>& c) -> Task<void> {
    EXPECT_TRUE((co_await c.receive_all(base::Deadline::after(1ms))).empty());
    EXPECT_FALSE(c.closed());
  }(channel));
}

TEST(Channel, tellsTheSenderOfRoom) {
  int told = 0;
  Channel<int> channel(1, [&] { ++told; });
  EXPECT_TRUE(channel.try_send(1));
  run_here([](Channel<int>& c, int& n) -> Task<void> {
    std::ignore = co_await c.receive_all();
    EXPECT_EQ(n, 0);  // nobody was refused
    EXPECT_TRUE(c.try_send(2));
    EXPECT_FALSE(c.try_send(3));
    std::ignore = co_await c.receive_all();
    EXPECT_EQ(n, 1);
  }(channel, told));
}

// Every wake-up counts: a lost one would hang this test.
TEST(Channel, losesNothingBetweenThreads) {
  constexpr int kCount = 50'000;
  Channel<int> channel(8);
  std::thread sender([&] {
    for (int i = 0; i < kCount;) {
      if (channel.try_send(int(i))) {
        ++i;
      } else {
        std::this_thread::yield();
      }
    }
    channel.close();
  });
  int next = 0;
  run_here([](Channel<int>& c, int& n) -> Task<void> {
    while (true) {
      const auto values = co_await c.receive_all();
      if (values.empty()) co_return;
      for (const int value : values) EXPECT_EQ(value, n++);
    }
  }(channel, next));
  sender.join();
  EXPECT_EQ(next, kCount);
}

// The receiver may destroy the channel as soon as it has the last value.
TEST(Channel, mayBeDestroyedRightAfterTheLastValue) {
  for (int round = 0; round < 500; ++round) {
    auto channel = std::make_unique<Channel<int>>(1);
    std::thread sender([&c = *channel] { EXPECT_TRUE(c.try_send(1)); });
    run_here([](std::unique_ptr<Channel<int>> c) -> Task<void> {
      EXPECT_EQ(co_await c->receive_all(), std::vector{1});
      c.reset();
    }(std::move(channel)));
    sender.join();
  }
}

}  // namespace
}  // namespace hearth::rt
