#include "rt/work_threads.hpp"

#include <atomic>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "rt/this_thread.hpp"

namespace hearth::rt {

namespace asio = boost::asio;

struct WorkThreads::Impl {
  asio::io_context queue;
  asio::executor_work_guard<asio::io_context::executor_type> open{queue.get_executor()};
  std::vector<std::jthread> threads;
};

WorkThreads::WorkThreads(std::size_t count, const char* name, std::optional<int> nice)
    : impl_(std::make_unique<Impl>()) {
  for (std::size_t i = 0; i < count; ++i) {
    impl_->threads.emplace_back([this, nice, name = std::string(name)] {
      if (nice) {
        this_thread::compute(name.c_str(), *nice);
      } else {
        this_thread::answer_first(name.c_str());
      }
      impl_->queue.run();
    });
  }
}

WorkThreads::~WorkThreads() {
  impl_->open.reset();
  for (auto& thread : impl_->threads) thread.join();
}

Task<void> WorkThreads::run_there(std::function<void()> work) {
  // Shared: the work thread reads it while the caller's coroutine may already be told to end.
  const auto cancelled = std::make_shared<std::atomic<bool>>(false);
  auto there = [](std::function<void()> w, std::shared_ptr<std::atomic<bool>> flag) -> Task<void> {
    if (!*flag) w();
    co_return;
  };
  auto slot = (co_await asio::this_coro::cancellation_state).slot();
  if (slot.is_connected()) slot.assign([cancelled](asio::cancellation_type) { *cancelled = true; });
  // Without a slot nothing can cancel it there (Asio 1.24 ends the program if a coroutine is cancelled before it
  // begins).
  co_await asio::co_spawn(impl_->queue, there(std::move(work), cancelled),
                          asio::bind_cancellation_slot(asio::cancellation_slot(), asio::use_awaitable));
}

}  // namespace hearth::rt
