#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "http/detail/serialize.hpp"
#include "http/detail/wire.hpp"
#include "http/service.hpp"

namespace hearth::http::detail {

// The answer to one request on one wire: chooses the framing and keeps to it.
// REQUIRES: the wire outlives it. `on_broken` is called once when a write fails.
class WireWriter final : public ResponseWriter {
 public:
  struct Facts {
    bool head_request = false;
    int version = 11;
    bool keep_alive = true;
    std::chrono::milliseconds write_timeout{60000};
  };
  WireWriter(Wire& wire, const Facts& facts, std::function<void()> on_broken);

  rt::Task<Result<void>> respond(Response response) override;
  rt::Task<Result<void>> start(ResponseHead head) override;
  rt::Task<Result<void>> write(std::string chunk) override;
  rt::Task<Result<void>> finish() override;
  [[nodiscard]] bool started() const override { return state_ != State::kNew; }
  [[nodiscard]] std::stop_token gone() const override { return stop_.get_token(); }
  [[nodiscard]] CancelReason reason() const override { return reason_; }

  // The client or the server leaves: requests the stop. Only the first call counts.
  void leave(CancelReason reason);
  // All of the answer is with the kernel.
  [[nodiscard]] bool complete() const { return state_ == State::kComplete || (sending_last_ && wire_.sent()); }
  [[nodiscard]] bool keep_alive() const { return complete() && facts_.keep_alive; }

 private:
  enum class State { kNew, kStreaming, kComplete, kBroken };

  [[nodiscard]] rt::Task<Result<void>> send(std::string head, std::string body, std::string_view tail, State next);
  void choose_framing(const ResponseHead& head);

  Wire& wire_;
  Facts facts_;
  std::function<void()> on_broken_;
  std::stop_source stop_;
  CancelReason reason_ = CancelReason::kNone;
  State state_ = State::kNew;
  bool sending_last_ = false;  // the writer has yet to hear that it is done
  ResponseFraming framing_;
  std::uint64_t written_ = 0;
  bool body_suppressed_ = false;
};

}  // namespace hearth::http::detail
