#include "http/detail/wire.hpp"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <utility>

namespace hearth::http::detail {

namespace {
constexpr std::size_t kSmallRead = 2048;  // what an idle connection holds
constexpr std::size_t kLargeRead = 64UL << 10;
}  // namespace

Wire::Wire(std::unique_ptr<Stream> stream)
    : stream_(std::move(stream)),
      arrived_(stream_->executor()),
      written_(stream_->executor()),
      read_size_(kSmallRead) {}

rt::Task<Result<void>> Wire::handshake(base::Deadline deadline) {
  if (!stream_->needs_handshake()) co_return Result<void>();
  writing_ = true;
  stream_->handshake([self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
    self->writing_ = false;
    self->write_error_ = error;
    self->written_.notify();
  });
  if (!co_await written_.wait(deadline)) {
    close();
    co_return fail(ErrorCode::kTimeout, "the TLS handshake took too long");
  }
  if (write_error_) co_return fail(ErrorCode::kIo, "TLS handshake: " + write_error_.message());
  co_return Result<void>();
}

rt::Task<Wire::Input> Wire::more(base::Deadline deadline) {
  const std::size_t before = received_;
  while (received_ == before) {
    if (ended_) co_return Input::kEnd;
    start_read();
    if (!co_await arrived_.wait(deadline)) co_return received_ == before ? Input::kLate : Input::kData;
  }
  co_return Input::kData;
}

void Wire::read_ahead(std::size_t max, std::function<void()> on_end) {
  read_ahead_max_ = max;
  on_end_ = std::move(on_end);
  if (!ended_ && input().size() < max) start_read();
}

void Wire::stop_read_ahead() {
  read_ahead_max_ = 0;
  on_end_ = nullptr;
}

void Wire::relax() {
  if (reading_) return;
  buffer_.shrink();
  read_size_ = kSmallRead;
}

void Wire::start_read() {
  if (reading_ || ended_) return;
  reading_ = true;
  const bool ahead = read_ahead_max_ > input().size();
  const auto into = buffer_.prepare(ahead ? std::min(read_size_, read_ahead_max_ - input().size()) : read_size_);
  stream_->read(into, [self = shared_from_this()](const boost::system::error_code& error, std::size_t size) {
    self->on_read(error, size);
  });
}

void Wire::on_read(const boost::system::error_code& error, std::size_t size) {
  reading_ = false;
  if (error) {
    ended_ = true;
    orderly_ = error == boost::asio::error::eof && !closed_;
    arrived_.notify();
    if (const auto on_end = std::exchange(on_end_, nullptr)) on_end();
    return;
  }
  buffer_.commit(size);
  received_ += size;
  if (size == read_size_) read_size_ = std::min(read_size_ * 4, kLargeRead);
  arrived_.notify();
  if (input().size() < read_ahead_max_) start_read();
}

rt::Task<Result<void>> Wire::write(std::string head, std::string body, std::string_view static_tail,
                                   base::Deadline deadline) {
  if (writing_ || closed_) co_return fail(ErrorCode::kCancelled, "the connection is closed");
  writing_ = true;
  out_head_ = std::move(head);
  out_body_ = std::move(body);
  const Buffers bytes{boost::asio::buffer(out_head_), boost::asio::buffer(out_body_),
                      boost::asio::buffer(static_tail.data(), static_tail.size())};
  stream_->write(bytes, [self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
    self->writing_ = false;
    self->write_error_ = error;
    self->out_head_ = {};
    self->out_body_ = {};
    self->written_.notify();
  });
  if (!co_await written_.wait(deadline)) {
    abort();
    co_return fail(ErrorCode::kTimeout, "the peer does not read");
  }
  if (write_error_) co_return fail(ErrorCode::kCancelled, "the peer has gone: " + write_error_.message());
  co_return Result<void>();
}

void Wire::end_output() {
  if (closed_ || writing_) return;
  stream_->end_output([self = shared_from_this()](const boost::system::error_code&, std::size_t) {});
}

void Wire::close() noexcept {
  if (!std::exchange(closed_, true)) stream_->close();
  ended_ = true;
  arrived_.notify();
}

void Wire::abort() noexcept {
  if (!std::exchange(closed_, true)) stream_->abort();
  ended_ = true;
  arrived_.notify();
}

}  // namespace hearth::http::detail
