#pragma once

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "http/detail/stream.hpp"

namespace hearth::http::detail {

// Only for tests and fuzzers: a stream without a socket, which gives its input in pieces and fails when told to.
class MemoryStream final : public Stream {
 public:
  struct Script {
    std::string input;
    std::size_t piece = 1;                               // bytes per read
    std::size_t fail_at = static_cast<std::size_t>(-1);  // number of the operation that fails, from 0
    bool end_after_input = true;                         // else it stays silent
  };
  // What the other side can see.
  struct Seen {
    std::string output;
    std::size_t operations = 0;
    bool closed = false;
  };

  MemoryStream(rt::Executor executor, Script script, std::shared_ptr<Seen> seen)
      : executor_(std::move(executor)), script_(std::move(script)), seen_(std::move(seen)) {}

  rt::Executor executor() override { return executor_; }
  [[nodiscard]] bool needs_handshake() const override { return false; }
  void handshake(Done done) override { complete(std::move(done), {}, 0); }
  void read(std::span<char> into, Done done) override {
    if (const auto error = next_operation()) return complete(std::move(done), error, 0);
    const std::size_t size = std::min({script_.piece, into.size(), script_.input.size() - position_});
    if (size > 0) {
      std::memcpy(into.data(), script_.input.data() + position_, size);
      position_ += size;
      return complete(std::move(done), {}, size);
    }
    if (script_.end_after_input) return complete(std::move(done), boost::asio::error::eof, 0);
    waiting_ = std::move(done);
  }
  void write(const Buffers& bytes, Done done) override {
    if (const auto error = next_operation()) return complete(std::move(done), error, 0);
    std::size_t size = 0;
    for (const auto& piece : bytes) {
      seen_->output.append(static_cast<const char*>(piece.data()), piece.size());
      size += piece.size();
    }
    complete(std::move(done), {}, size);
  }
  void end_output(Done done) override { complete(std::move(done), {}, 0); }
  void close() noexcept override {
    seen_->closed = true;
    if (waiting_) complete(std::exchange(waiting_, nullptr), boost::asio::error::operation_aborted, 0);
  }
  void abort() noexcept override { close(); }

 private:
  boost::system::error_code next_operation() {
    if (seen_->closed) return boost::asio::error::bad_descriptor;
    if (seen_->operations++ == script_.fail_at) return boost::asio::error::connection_reset;
    return {};
  }
  void complete(Done done, const boost::system::error_code& error, std::size_t size) {
    boost::asio::post(executor_, [done = std::move(done), error, size]() mutable { done(error, size); });
  }

  rt::Executor executor_;
  Script script_;
  std::shared_ptr<Seen> seen_;
  std::size_t position_ = 0;
  Done waiting_;
};

}  // namespace hearth::http::detail
