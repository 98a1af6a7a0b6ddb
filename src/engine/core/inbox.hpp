#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "engine/core/prepared.hpp"
#include "engine/core/token_model.hpp"
#include "engine/engine.hpp"

namespace hearth::engine::core {

struct Submission {
  Ticket ticket = 0;
  std::shared_ptr<Sink> sink;  // shared: the edge writes to it for as long as either side lives
  domain::Priority priority = domain::Priority::kNormal;
  base::SteadyTime submitted;
  Prepared work;
};

// What the scheduler tells the admission about itself.
struct Pace {
  std::int32_t idle_slots = 0;
  std::int32_t slots = 1;
  std::chrono::nanoseconds request{};  // how long one request takes, about
};

// Between the threads that submit and the one that runs the engine. Thread-safe.
class Inbox {
 public:
  // REQUIRES: model outlives it.
  Inbox(TokenModel& model, std::int32_t queue, Pace pace);

  // Any thread.
  [[nodiscard]] Result<void> check_room() const;
  [[nodiscard]] Result<Ticket> submit(Submission work);
  void cancel(Ticket ticket);
  void resume(Ticket ticket);
  [[nodiscard]] std::int32_t waiting() const;
  // Something other than mail is there for the engine.
  void wake();

  // Engine thread.
  struct Mail {
    std::vector<Submission> submissions;
    std::vector<Ticket> cancelled;
    std::vector<Ticket> resumed;
    [[nodiscard]] bool empty() const { return submissions.empty() && cancelled.empty() && resumed.empty(); }
  };
  // Swaps the mail into `out`, which is emptied first. What wake() told of is to be looked at after that.
  void take(Mail& out);
  // Requests that no longer wait for a slot.
  void leave_queue(std::int32_t count);
  void set_pace(const Pace& pace);
  // The tickets whose work the model evaluates until end_batch(): when the last of them is cancelled, it is
  // interrupted. false: they are all cancelled already, do not begin.
  [[nodiscard]] bool begin_batch(std::span<const Ticket> tickets);
  void end_batch();
  // From now on submit() answers with this.
  void close(Error reason);
  // Until there is mail, or wake() since the last take(), or a stop is requested.
  void wait(std::stop_token stop);

 private:
  [[nodiscard]] Result<void> room() const;

  TokenModel& model_;
  const std::int32_t queue_;
  mutable std::mutex mutex_;  // of all below; held for moments, and while the model is told to stop
  std::condition_variable_any filled_;
  Mail mail_;
  Pace pace_;
  std::vector<Ticket> in_batch_;
  std::optional<Error> closed_;
  std::int32_t waiting_ = 0;
  bool woken_ = false;
  Ticket next_ = 1;
};

}  // namespace hearth::engine::core
