#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>

#include "base/clock.hpp"

namespace hearth::rt {

// A coroutine on one executor. Dropping the spawned operation cancels it: every wait inside ends with an
// asio cancellation, destructors run, nothing leaks.
template <class T = void>
using Task = boost::asio::awaitable<T>;
using Executor = boost::asio::any_io_executor;

// Waits; cancellable.
[[nodiscard]] Task<void> sleep_for(std::chrono::nanoseconds span);
// Lets everything that is ready on this loop run first.
[[nodiscard]] Task<void> yield();
[[nodiscard]] Task<Executor> current_executor();

}  // namespace hearth::rt
