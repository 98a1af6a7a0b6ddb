#pragma once

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/system/error_code.hpp>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "rt/task.hpp"

namespace boost::asio::ssl {
class context;
}

namespace hearth::http::detail {

using Socket = boost::asio::generic::stream_protocol::socket;  // TCP and unix alike
using TlsContext = std::shared_ptr<boost::asio::ssl::context>;
using Buffers = std::array<boost::asio::const_buffer, 3>;

// A connected byte stream: TCP or unix socket, or TLS over one. One loop. At most one read and one write may be
// pending. Operations are never cancelled one by one: close() ends all of them with an error. `Done` runs later, never
// inside the call, and must keep the stream alive.
class Stream {
 public:
  using Done = std::move_only_function<void(const boost::system::error_code&, std::size_t)>;

  virtual ~Stream() = default;
  [[nodiscard]] virtual rt::Executor executor() = 0;
  [[nodiscard]] virtual bool needs_handshake() const = 0;
  virtual void handshake(Done done) = 0;
  virtual void read(std::span<char> into, Done done) = 0;
  virtual void write(const Buffers& bytes, Done done) = 0;  // all of them
  // Tells the peer that nothing follows: FIN, after a close_notify with TLS.
  virtual void end_output(Done done) = 0;
  virtual void close() noexcept = 0;
  // Closes so that the peer sees a reset where the kind of socket allows it.
  virtual void abort() noexcept = 0;
};

[[nodiscard]] std::unique_ptr<Stream> plain_stream(Socket socket);
[[nodiscard]] std::unique_ptr<Stream> tls_server_stream(Socket socket, TlsContext context);
// `host` is sent as SNI, and checked against the certificate when `verify`.
[[nodiscard]] std::unique_ptr<Stream> tls_client_stream(Socket socket, TlsContext context, const std::string& host,
                                                        bool verify);

}  // namespace hearth::http::detail
