#pragma once

#include <deque>
#include <functional>
#include <iterator>
#include <utility>
#include <vector>

#include "base/guarded.hpp"
#include "rt/signal_flag.hpp"
#include "rt/task.hpp"

namespace hearth::rt {

// Bounded queue from any thread to one coroutine. A failing `try_send` is backpressure, never an unbounded queue.
// `on_room` (optional) runs on the receiver's thread after a receive that followed a refused `try_send`.
template <class T>
class Channel {
 public:
  explicit Channel(std::size_t capacity, std::function<void()> on_room = {})
      : capacity_(capacity), on_room_(std::move(on_room)) {}

  // Thread-safe. false: full or closed (see closed()); the value is left untouched then.
  [[nodiscard]] bool try_send(T&& value) {
    // The flag is set under the lock: once the receiver can see the value, this call touches the channel no more.
    return state_.with([&](State& s) {
      if (s.closed) return false;
      if (s.queue.size() >= capacity_) {
        s.refused = true;
        return false;
      }
      s.queue.push_back(std::move(value));
      ready_.set();
      return true;
    });
  }
  // Thread-safe. What was sent before can still be received.
  void close() {
    state_.with([&](State& s) {
      s.closed = true;
      ready_.set();
    });
  }
  [[nodiscard]] bool closed() const {
    return state_.with([](const State& s) { return s.closed; });
  }

  // Receiver only. All that is queued, at least one; empty: closed and drained, or the deadline passed.
  [[nodiscard]] Task<std::vector<T>> receive_all(base::Deadline deadline = {}) {
    while (true) {
      std::vector<T> out;
      bool closed = false;
      bool refused = false;
      // Emptying the queue and clearing the flag are one step, so that no wake-up falls between them.
      state_.with([&](State& s) {
        out.assign(std::make_move_iterator(s.queue.begin()), std::make_move_iterator(s.queue.end()));
        s.queue.clear();
        closed = s.closed;
        refused = std::exchange(s.refused, false);
        if (!closed) ready_.reset();
      });
      if (refused && on_room_) on_room_();
      if (!out.empty() || closed) co_return out;
      const bool woken = co_await ready_.wait(deadline);
      if (!woken) co_return out;
    }
  }

 private:
  struct State {
    std::deque<T> queue;
    bool closed = false;
    bool refused = false;
  };
  std::size_t capacity_;
  std::function<void()> on_room_;
  SignalFlag ready_;
  base::Guarded<State> state_;
};

}  // namespace hearth::rt
