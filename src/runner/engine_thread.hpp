#pragma once

#include <memory>
#include <stop_token>
#include <thread>

#include "engine/engine.hpp"
#include "rt/signal_flag.hpp"

namespace hearth::runner {

// Keeps the engine running on the calling thread until told to stop or its model has failed; then all its work ends.
inline void drive(engine::Engine& engine, const std::stop_token& stop) {
  {
    rt::HeldWakes readers;  // of sinks: woken once for each step, not for each sequence
    while (!stop.stop_requested() && !engine.failed()) {
      (void)engine.step();
      readers.release();
      engine.wait(stop);
    }
  }
  engine.shut_down();
}

// Drives one engine on a thread of its own until destroyed.
class EngineThread {
 public:
  explicit EngineThread(engine::Engine& engine)
      : thread_([&engine](const std::stop_token& stop) { drive(engine, stop); }) {}

 private:
  std::jthread thread_;
};

}  // namespace hearth::runner
