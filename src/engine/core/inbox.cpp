#include "engine/core/inbox.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

namespace hearth::engine::core {

Inbox::Inbox(TokenModel& model, std::int32_t queue, Pace pace) : model_(model), queue_(queue), pace_(pace) {}

Result<void> Inbox::room() const {
  if (closed_) return fail(*closed_);
  if (waiting_ < queue_ + pace_.idle_slots) return {};
  const auto wait = pace_.request * (waiting_ + 1) / std::max(pace_.slots, 1);
  const auto seconds =
      std::clamp(std::chrono::ceil<std::chrono::seconds>(wait), std::chrono::seconds(1), std::chrono::seconds(60));
  return fail(Error{
      .code = ErrorCode::kOverloaded,
      .message = fmt::format("the model is busy and its queue is full: {} requests wait; try again later", waiting_),
      .retry_after = seconds});
}

Result<void> Inbox::check_room() const {
  const std::scoped_lock lock(mutex_);
  return room();
}

Result<Ticket> Inbox::submit(Submission work) {
  Ticket ticket = 0;
  {
    const std::scoped_lock lock(mutex_);
    HEARTH_CHECK(room());
    ticket = next_++;
    work.ticket = ticket;
    ++waiting_;
    mail_.submissions.push_back(std::move(work));
  }
  filled_.notify_one();
  return ticket;
}

void Inbox::cancel(Ticket ticket) {
  {
    const std::scoped_lock lock(mutex_);
    mail_.cancelled.push_back(ticket);
    if (std::erase(in_batch_, ticket) > 0 && in_batch_.empty()) model_.interrupt();
  }
  filled_.notify_one();
}

void Inbox::resume(Ticket ticket) {
  {
    const std::scoped_lock lock(mutex_);
    mail_.resumed.push_back(ticket);
  }
  filled_.notify_one();
}

std::int32_t Inbox::waiting() const {
  const std::scoped_lock lock(mutex_);
  return waiting_;
}

void Inbox::wake() {
  {
    const std::scoped_lock lock(mutex_);
    woken_ = true;
  }
  filled_.notify_one();
}

void Inbox::take(Mail& out) {
  out.submissions.clear();
  out.cancelled.clear();
  out.resumed.clear();
  const std::scoped_lock lock(mutex_);
  std::swap(out, mail_);
  woken_ = false;
}

void Inbox::leave_queue(std::int32_t count) {
  const std::scoped_lock lock(mutex_);
  waiting_ -= count;
}

void Inbox::set_pace(const Pace& pace) {
  const std::scoped_lock lock(mutex_);
  pace_ = pace;
}

bool Inbox::begin_batch(std::span<const Ticket> tickets) {
  const std::scoped_lock lock(mutex_);
  in_batch_.assign(tickets.begin(), tickets.end());
  for (const Ticket ticket : mail_.cancelled) std::erase(in_batch_, ticket);
  model_.clear_interrupt();
  return !in_batch_.empty();
}

void Inbox::end_batch() {
  const std::scoped_lock lock(mutex_);
  in_batch_.clear();
}

void Inbox::close(Error reason) {
  const std::scoped_lock lock(mutex_);
  if (!closed_) closed_ = std::move(reason);
}

void Inbox::wait(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  filled_.wait(lock, std::move(stop), [this] { return woken_ || !mail_.empty(); });
}

}  // namespace hearth::engine::core
