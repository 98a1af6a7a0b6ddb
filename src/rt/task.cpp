#include "rt/task.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace hearth::rt {

namespace asio = boost::asio;

Task<void> sleep_for(std::chrono::nanoseconds span) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  // expires_after would overflow for kForever.
  constexpr std::chrono::nanoseconds kLongest = std::chrono::hours(24 * 365);
  timer.expires_after(std::min(span, kLongest));
  co_await timer.async_wait(asio::use_awaitable);
}

Task<void> yield() { co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable); }

Task<Executor> current_executor() { co_return co_await asio::this_coro::executor; }

}  // namespace hearth::rt
