#pragma once

#include <memory>
#include <stop_token>
#include <thread>

#include "engine/engine.hpp"

namespace hearth::runner {

// Drives one engine on a thread of its own until destroyed; then all its work ends with kShuttingDown.
class EngineThread {
 public:
  explicit EngineThread(engine::Engine& engine)
      : thread_([&engine](const std::stop_token& stop) {
          while (!stop.stop_requested()) {
            if (!engine.step()) engine.wait(stop);
          }
          engine.shut_down();
        }) {}

 private:
  std::jthread thread_;
};

}  // namespace hearth::runner
