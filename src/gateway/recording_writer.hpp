#pragma once

#include <utility>

#include "http/service.hpp"

namespace hearth::gateway {

// Adds the headers that every answer has, and remembers the status.
class RecordingWriter final : public http::ResponseWriter {
 public:
  RecordingWriter(http::ResponseWriter& inner, http::Headers extra) : inner_(inner), extra_(std::move(extra)) {}

  rt::Task<Result<void>> respond(http::Response response) override {
    decorate(response);
    return inner_.respond(std::move(response));
  }
  rt::Task<Result<void>> start(http::ResponseHead head) override {
    decorate(head);
    return inner_.start(std::move(head));
  }
  rt::Task<Result<void>> write(std::string chunk) override { return inner_.write(std::move(chunk)); }
  rt::Task<Result<void>> finish() override { return inner_.finish(); }
  [[nodiscard]] bool started() const override { return inner_.started(); }
  [[nodiscard]] std::stop_token gone() const override { return inner_.gone(); }
  [[nodiscard]] http::CancelReason reason() const override { return inner_.reason(); }

  [[nodiscard]] int status() const { return status_; }  // 0: nothing was answered

 private:
  void decorate(http::ResponseHead& head) {
    status_ = head.status;
    for (const auto& [name, value] : extra_) head.headers.set(name, value);
  }

  http::ResponseWriter& inner_;
  http::Headers extra_;
  int status_ = 0;
};

}  // namespace hearth::gateway
