#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "http/detail/event.hpp"
#include "http/detail/input_buffer.hpp"
#include "http/detail/stream.hpp"

namespace hearth::http::detail {

// A stream with buffered input, for the server and the client alike. At most one read is pending, and it is never
// cancelled: a coroutine that stops waiting leaves it behind for the next one. One loop; shared because pending
// operations hold it.
class Wire : public std::enable_shared_from_this<Wire> {
 public:
  enum class Input { kData, kEnd, kLate };

  explicit Wire(std::unique_ptr<Stream> stream);
  [[nodiscard]] rt::Executor executor() const { return stream_->executor(); }

  // kIo: refused by the peer or broken; kTimeout.
  [[nodiscard]] rt::Task<Result<void>> handshake(base::Deadline deadline);

  // What has arrived and is not consumed; valid until the next wait.
  [[nodiscard]] std::string_view input() const { return buffer_.data(); }
  void consume(std::size_t size) { buffer_.consume(size); }
  // Until bytes beyond the present input arrive, the stream ends, or the deadline passes. Cancellable.
  [[nodiscard]] rt::Task<Input> more(base::Deadline deadline);
  // Keeps reading until `max` bytes lie in the input, without anybody waiting. `on_end` is called at once, from the
  // loop, when the stream ends (EOF, error or half-close).
  void read_ahead(std::size_t max, std::function<void()> on_end);
  void stop_read_ahead();
  // EOF or an error was seen, or close() was called.
  [[nodiscard]] bool ended() const { return ended_; }
  // The stream ended by the peer's orderly end (FIN, with TLS close_notify).
  [[nodiscard]] bool ended_orderly() const { return orderly_; }
  // Gives memory back that only a large request needed.
  void relax();

  // Suspends until all bytes are with the kernel. kCancelled: the peer is gone; kTimeout: it does not read.
  [[nodiscard]] rt::Task<Result<void>> write(std::string head, std::string body, std::string_view static_tail,
                                             base::Deadline deadline);
  // What was written last is with the kernel.
  [[nodiscard]] bool sent() const { return !writing_ && !write_error_; }
  void end_output();
  void close() noexcept;
  void abort() noexcept;

 private:
  void start_read();
  void on_read(const boost::system::error_code& error, std::size_t size);

  std::unique_ptr<Stream> stream_;
  InputBuffer buffer_;
  Event arrived_;
  Event written_;
  std::string out_head_;
  std::string out_body_;
  std::size_t read_size_;
  std::size_t read_ahead_max_ = 0;
  std::size_t received_ = 0;
  std::function<void()> on_end_;
  boost::system::error_code write_error_;
  bool reading_ = false;
  bool writing_ = false;
  bool ended_ = false;
  bool orderly_ = false;
  bool closed_ = false;
};

}  // namespace hearth::http::detail
