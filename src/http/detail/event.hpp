#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <utility>

#include "base/clock.hpp"
#include "rt/task.hpp"

namespace hearth::http::detail {

// Wakes the one coroutine that waits, on one loop. A notification stays until a wait takes it.
class Event {
 public:
  explicit Event(const rt::Executor& executor) : timer_(executor) {}

  void notify() {
    set_ = true;
    timer_.cancel();
  }
  // true: notified; false: the deadline passed. Cancellable.
  [[nodiscard]] rt::Task<bool> wait(base::Deadline deadline = {}) {
    while (!std::exchange(set_, false)) {
      if (deadline.passed(std::chrono::steady_clock::now())) co_return false;
      timer_.expires_at(deadline.at().value_or(base::SteadyTime::max()));
      co_await timer_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
      const auto state = co_await boost::asio::this_coro::cancellation_state;
      if (state.cancelled() != boost::asio::cancellation_type::none) {
        throw boost::system::system_error(boost::asio::error::operation_aborted);
      }
    }
    co_return true;
  }

 private:
  boost::asio::steady_timer timer_;
  bool set_ = false;
};

}  // namespace hearth::http::detail
