#include "rt/signal_flag.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "base/guarded.hpp"

namespace hearth::rt {

namespace asio = boost::asio;

namespace {

// One wait in progress. The timer and `done` belong to the waiter's loop; others only leave word there.
struct Waiter;

// Whom to wake on one loop. Many are often woken in a row by another thread (all streams, after each step of an
// engine): the loop is called once for all that gather until it gets there.
class WakeUps : public asio::execution_context::service {
 public:
  static asio::execution_context::id id;
  explicit WakeUps(asio::execution_context& loop) : service(loop) {}

  // Thread-safe. REQUIRES: `executor` is of this loop, which lives.
  void add(std::shared_ptr<Waiter> waiter, bool woken, const Executor& executor);
  void call(const Executor& executor) {
    pending_.with([&](Pending& pending) { call(pending, executor); });
  }

 private:
  struct Wake {
    std::shared_ptr<Waiter> waiter;
    bool woken = false;
  };
  struct Pending {
    std::vector<Wake> wakes;
    bool called = false;
  };
  void call(Pending& pending, const Executor& executor) {
    if (!pending.wakes.empty() && !std::exchange(pending.called, true)) asio::post(executor, [this] { wake(); });
  }
  void wake();
  void shutdown() override {
    pending_.with([](Pending& pending) { pending.wakes.clear(); });
  }

  base::Guarded<Pending> pending_;
  std::vector<Wake> woken_;  // of the loop
};
asio::execution_context::id WakeUps::id;

struct Waiter {
  explicit Waiter(const Executor& executor)
      : timer(executor), wake_ups(asio::use_service<WakeUps>(asio::query(executor, asio::execution::context))) {}
  asio::steady_timer timer;
  WakeUps& wake_ups;
  bool done = false;
  bool woken = false;
};

// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): of this thread, set by what lives on its stack
thread_local std::vector<std::pair<WakeUps*, Executor>>* held = nullptr;

void WakeUps::add(std::shared_ptr<Waiter> waiter, bool woken, const Executor& executor) {
  pending_.with([&](Pending& pending) {
    pending.wakes.push_back({.waiter = std::move(waiter), .woken = woken});
    if (held == nullptr) call(pending, executor);
  });
  if (held == nullptr) return;
  if (std::ranges::find(*held, this, &std::pair<WakeUps*, Executor>::first) == held->end())
    held->emplace_back(this, executor);
}

void WakeUps::wake() {
  pending_.with([&](Pending& pending) {
    pending.called = false;
    woken_.swap(pending.wakes);
  });
  for (const auto& [waiter, woken] : woken_) {
    if (waiter->done) continue;
    waiter->done = true;
    waiter->woken = woken;
    waiter->timer.cancel();
  }
  woken_.clear();
}

}  // namespace

struct HeldWakes::Impl {
  std::vector<std::pair<WakeUps*, Executor>> loops;
};

HeldWakes::HeldWakes() : impl_(std::make_unique<Impl>()) { held = &impl_->loops; }

HeldWakes::~HeldWakes() {
  release();
  held = nullptr;
}

void HeldWakes::release() {
  for (const auto& [loop, executor] : impl_->loops) loop->call(executor);
  impl_->loops.clear();
}

struct SignalFlag::State {
  std::mutex mutex;  // of all below
  bool set = false;
  bool destroyed = false;
  std::vector<std::shared_ptr<Waiter>> waiters;

  // REQUIRES: mutex held. A waiter leaves under the same mutex, so its loop is alive while this posts to it.
  void wake_all(bool result) {
    for (const auto& waiter : waiters) waiter->wake_ups.add(waiter, result, waiter->timer.get_executor());
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
