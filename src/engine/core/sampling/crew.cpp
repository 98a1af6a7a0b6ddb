#include "engine/core/sampling/crew.hpp"

#include <algorithm>

namespace hearth::engine::core {

Crew::Crew(std::size_t helpers) : helpers_(helpers) {}
Crew::~Crew() = default;

void Crew::run(std::size_t count, std::size_t threads, const std::function<void(std::size_t)>& task) {
  std::unique_lock lock(mutex_);
  const std::size_t wanted = std::min({count, threads, helpers_ + 1});  // the caller is one
  while (threads_.size() + 1 < wanted) threads_.emplace_back([this](const std::stop_token& stop) { help(stop); });
  task_ = &task;
  count_ = count;
  next_ = done_ = 0;
  for (std::size_t i = 1; i < wanted; ++i) more_.notify_one();
  take_tasks(lock);
  all_done_.wait(lock, [this] { return done_ == count_; });
}

void Crew::help(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (more_.wait(lock, stop, [this] { return next_ < count_; })) {
    take_tasks(lock);
    if (done_ == count_) all_done_.notify_one();
  }
}

void Crew::take_tasks(std::unique_lock<std::mutex>& lock) {
  while (next_ < count_) {
    const std::size_t mine = next_++;
    const auto& task = *task_;
    lock.unlock();
    task(mine);
    lock.lock();
    ++done_;
  }
}

}  // namespace hearth::engine::core
