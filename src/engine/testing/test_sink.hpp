#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "domain/answer.hpp"
#include "engine/engine.hpp"

namespace hearth::engine::testing {

// Collects events; refuses on demand. Thread-safe.
class TestSink final : public Sink {
 public:
  [[nodiscard]] bool offer(std::vector<domain::Event>& events) override;

  // Refuse everything from now on (or again take it); refuse once so many offers were taken.
  void refuse(bool refuse);
  void refuse_after(std::size_t offers);
  // Called at each offer that is taken, before its events are kept. Set before the engine steps.
  std::function<void(const std::vector<domain::Event>&)> on_offer;

  [[nodiscard]] std::vector<domain::Event> events() const;
  [[nodiscard]] std::size_t offers() const;  // taken
  [[nodiscard]] std::size_t refused() const;
  [[nodiscard]] bool ended() const;
  [[nodiscard]] std::size_t ends() const;  // Finished and Failed events
  // The fold of the events; an error if the stream failed, broke the order, or has not ended.
  [[nodiscard]] Result<domain::Answer> answer() const;
  // The text of a choice so far.
  [[nodiscard]] std::string text(std::int32_t choice = 0) const;

 private:
  mutable std::mutex mutex_;
  std::vector<domain::Event> events_;
  std::size_t offers_ = 0;
  std::size_t refused_ = 0;
  bool refuse_ = false;
  std::size_t refuse_after_ = static_cast<std::size_t>(-1);
};

// Nothing if the events keep the order of domain/event.hpp; else what is wrong. `choices`: how many the request asked
// for.
[[nodiscard]] std::string order_violation(const std::vector<domain::Event>& events, std::int32_t choices);

}  // namespace hearth::engine::testing
