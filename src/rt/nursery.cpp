#include "rt/nursery.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <exception>
#include <utility>
#include <vector>

namespace hearth::rt {

namespace asio = boost::asio;

struct Nursery::State {
  using Child = std::shared_ptr<asio::cancellation_signal>;

  State(Executor e, std::function<void(std::exception_ptr)> bug)
      : executor(std::move(e)), on_bug(std::move(bug)), empty(executor) {
    empty.expires_at(base::SteadyTime::max());
  }

  void ended(const Child& child, const std::exception_ptr& failure) {
    std::erase(children, child);
    if (children.empty()) empty.cancel();
    if (failure) report(failure);
  }
  void report(const std::exception_ptr& failure) const {
    try {
      std::rethrow_exception(failure);
    } catch (const boost::system::system_error& e) {
      if (e.code() == asio::error::operation_aborted) return;  // cancelled, as asked
    } catch (...) {
    }
    if (!on_bug) std::terminate();
    on_bug(failure);
  }
  void cancel() const {
    const auto copy = children;  // a child may end while it is told
    for (const auto& child : copy) child->emit(asio::cancellation_type::terminal);
  }

  Executor executor;
  std::function<void(std::exception_ptr)> on_bug;
  std::vector<Child> children;
  asio::steady_timer empty;  // never expires; cancelled when the last child has ended
};

Nursery::Nursery(Executor executor, std::function<void(std::exception_ptr)> on_bug)
    : state_(std::make_shared<State>(std::move(executor), std::move(on_bug))) {}

Nursery::~Nursery() { state_->cancel(); }

void Nursery::spawn(Task<void> task) {
  auto child = std::make_shared<asio::cancellation_signal>();
  state_->children.push_back(child);
  const auto slot = child->slot();
  auto done = [state = state_, child](const std::exception_ptr& failure) { state->ended(child, failure); };
  asio::co_spawn(state_->executor, std::move(task), asio::bind_cancellation_slot(slot, std::move(done)));
}

void Nursery::cancel() { state_->cancel(); }

std::size_t Nursery::running() const { return state_->children.size(); }

Task<void> Nursery::join() {
  const auto state = state_;
  while (!state->children.empty()) {
    co_await state->empty.async_wait(asio::as_tuple(asio::use_awaitable));
    const auto cancelled = co_await asio::this_coro::cancellation_state;
    if (cancelled.cancelled() != asio::cancellation_type::none) {
      throw boost::system::system_error(asio::error::operation_aborted);
    }
  }
}

}  // namespace hearth::rt
