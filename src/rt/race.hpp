#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "rt/task.hpp"

namespace hearth::rt {

namespace detail {
template <class T>
using Filled = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

// co_spawn needs a default-constructible value.
template <class T>
Task<std::optional<Filled<T>>> boxed(Task<T> task) {
  if constexpr (std::is_void_v<T>) {
    co_await std::move(task);
    co_return std::monostate{};
  } else {
    co_return std::optional<T>(co_await std::move(task));
  }
}
}  // namespace detail

// Both run on this executor; the first to end wins, by a value or by an exception (which is rethrown); the other is
// cancelled and awaited, and what it ends with is dropped. Both must be cancellable. void is std::monostate in the
// variant.
template <class A, class B>
[[nodiscard]] Task<std::variant<detail::Filled<A>, detail::Filled<B>>> race(Task<A> a, Task<B> b) {
  namespace asio = boost::asio;
  using Winner = std::variant<detail::Filled<A>, detail::Filled<B>>;
  const auto executor = co_await asio::this_coro::executor;
  auto [order, error_a, value_a, error_b, value_b] =
      co_await asio::experimental::make_parallel_group(
          asio::co_spawn(executor, detail::boxed(std::move(a)), asio::deferred),
          asio::co_spawn(executor, detail::boxed(std::move(b)), asio::deferred))
          .async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
  const auto state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none) {
    throw boost::system::system_error(asio::error::operation_aborted);
  }
  if (order[0] == 0) {
    if (error_a) std::rethrow_exception(error_a);
    co_return Winner(std::in_place_index<0>, std::move(*value_a));
  }
  if (error_b) std::rethrow_exception(error_b);
  co_return Winner(std::in_place_index<1>, std::move(*value_b));
}

// The value, or nothing when the deadline passed (the task is cancelled then).
template <class T>
  requires(!std::is_void_v<T>)
[[nodiscard]] Task<std::optional<T>> with_deadline(Task<T> task, base::Deadline deadline) {
  if (!deadline.at()) co_return std::optional<T>(co_await std::move(task));
  auto result = co_await race(std::move(task), sleep_for(*deadline.at() - std::chrono::steady_clock::now()));
  if (result.index() == 0) co_return std::optional<T>(std::get<0>(std::move(result)));
  co_return std::nullopt;
}
// true: the task ended; false: the deadline passed (the task is cancelled then).
[[nodiscard]] inline Task<bool> with_deadline(Task<void> task, base::Deadline deadline) {
  if (!deadline.at()) {
    co_await std::move(task);
    co_return true;
  }
  const auto result = co_await race(std::move(task), sleep_for(*deadline.at() - std::chrono::steady_clock::now()));
  co_return result.index() == 0;
}

}  // namespace hearth::rt
