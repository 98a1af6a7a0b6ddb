#include "rt/signal_flag.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <mutex>
#include <vector>

namespace hearth::rt {

namespace asio = boost::asio;

namespace {
// One wait in progress. The timer and `done` belong to the waiter's thread; others only post to it.
struct Waiter {
  explicit Waiter(const Executor& executor) : timer(executor) {}
  asio::steady_timer timer;
  bool done = false;
  bool woken = false;
};
}  // namespace

struct SignalFlag::State {
  std::mutex mutex;
  bool set = false;
  bool destroyed = false;
  std::vector<std::shared_ptr<Waiter>> waiters;

  // REQUIRES: mutex held. A waiter leaves under the same mutex, so its loop is alive while this posts to it.
  void wake_all(bool result) {
    for (const auto& waiter : waiters) {
      asio::post(waiter->timer.get_executor(), [waiter, result] {
        if (waiter->done) return;
        waiter->done = true;
        waiter->woken = result;
        waiter->timer.cancel();
      });
    }
    waiters.clear();
  }

  static Task<bool> wait(std::shared_ptr<State> state, base::Deadline deadline);
};

SignalFlag::SignalFlag() : state_(std::make_shared<State>()) {}

SignalFlag::~SignalFlag() {
  const std::scoped_lock lock(state_->mutex);
  state_->destroyed = true;
  state_->wake_all(false);
}

void SignalFlag::set() {
  const std::scoped_lock lock(state_->mutex);
  state_->set = true;
  state_->wake_all(true);
}

void SignalFlag::reset() {
  const std::scoped_lock lock(state_->mutex);
  state_->set = false;
}

bool SignalFlag::is_set() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->set;
}

// The coroutine holds the state, not the flag: the flag may go first.
Task<bool> SignalFlag::wait(base::Deadline deadline) { return State::wait(state_, deadline); }

Task<bool> SignalFlag::State::wait(std::shared_ptr<State> state, base::Deadline deadline) {
  const auto waiter = std::make_shared<Waiter>(co_await asio::this_coro::executor);
  waiter->timer.expires_at(deadline.at().value_or(base::SteadyTime::max()));
  {
    const std::scoped_lock lock(state->mutex);
    if (state->set || state->destroyed) co_return state->set;
    state->waiters.push_back(waiter);
  }
  struct Leave {
    State& state;
    const std::shared_ptr<Waiter>& waiter;
    ~Leave() {
      waiter->done = true;
      const std::scoped_lock lock(state.mutex);
      std::erase(state.waiters, waiter);
    }
  } leave{*state, waiter};
  co_await waiter->timer.async_wait(asio::as_tuple(asio::use_awaitable));
  if (waiter->woken) co_return true;
  const auto cancelled = co_await asio::this_coro::cancellation_state;
  if (cancelled.cancelled() != asio::cancellation_type::none) {
    throw boost::system::system_error(asio::error::operation_aborted);
  }
  co_return false;
}

}  // namespace hearth::rt
