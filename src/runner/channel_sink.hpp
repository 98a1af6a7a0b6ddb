#pragma once

#include <atomic>
#include <utility>
#include <vector>

#include "engine/engine.hpp"
#include "rt/channel.hpp"

namespace hearth::runner {

// Carries events from the engine thread to one coroutine. Bounded: when the reader is behind, the engine is refused and
// pauses that request; after the reader caught up, Engine::resume is called.
class ChannelSink final : public engine::Sink {
 public:
  using Batch = std::vector<domain::Event>;
  static constexpr std::size_t kBatchesMax = 64;

  explicit ChannelSink(engine::Engine& engine)
      : channel_(kBatchesMax, [this, &engine] { engine.resume(ticket_.load(std::memory_order_acquire)); }) {}

  void set_ticket(engine::Ticket ticket) { ticket_.store(ticket, std::memory_order_release); }
  [[nodiscard]] bool offer(Batch& events) override { return channel_.try_send(std::move(events)); }
  [[nodiscard]] rt::Channel<Batch>& channel() { return channel_; }

 private:
  std::atomic<engine::Ticket> ticket_{0};
  rt::Channel<Batch> channel_;
};

}  // namespace hearth::runner
