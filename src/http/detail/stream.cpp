#include "http/detail/stream.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <utility>

namespace hearth::http::detail {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

void close_socket(Socket& socket) noexcept {
  error_code ignored;
  socket.close(ignored);
}

void reset_socket(Socket& socket) noexcept {
  error_code ignored;
  socket.set_option(asio::socket_base::linger(true, 0), ignored);
  socket.close(ignored);
}

class PlainStream final : public Stream {
 public:
  explicit PlainStream(Socket socket) : socket_(std::move(socket)) {}

  rt::Executor executor() override { return socket_.get_executor(); }
  [[nodiscard]] bool needs_handshake() const override { return false; }
  void handshake(Done done) override {
    asio::post(executor(), [done = std::move(done)]() mutable { done({}, 0); });
  }
  void read(std::span<char> into, Done done) override {
    socket_.async_read_some(asio::buffer(into.data(), into.size()), std::move(done));
  }
  void write(const Buffers& bytes, Done done) override { asio::async_write(socket_, bytes, std::move(done)); }
  void end_output(Done done) override {
    error_code error;
    socket_.shutdown(asio::socket_base::shutdown_send, error);
    asio::post(executor(), [done = std::move(done), error]() mutable { done(error, 0); });
  }
  void close() noexcept override { close_socket(socket_); }
  void abort() noexcept override { reset_socket(socket_); }

 private:
  Socket socket_;
};

class TlsStream final : public Stream {
 public:
  TlsStream(Socket socket, TlsContext context, asio::ssl::stream_base::handshake_type side)
      : context_(std::move(context)), stream_(std::move(socket), *context_), side_(side) {}

  rt::Executor executor() override { return stream_.get_executor(); }
  [[nodiscard]] bool needs_handshake() const override { return true; }
  void handshake(Done done) override {
    stream_.async_handshake(side_, [done = std::move(done)](const error_code& e) mutable { done(e, 0); });
  }
  void read(std::span<char> into, Done done) override {
    stream_.async_read_some(asio::buffer(into.data(), into.size()), std::move(done));
  }
  void write(const Buffers& bytes, Done done) override { asio::async_write(stream_, bytes, std::move(done)); }
  // Ends when the peer has answered in kind; the socket's output ends then too.
  void end_output(Done done) override {
    stream_.async_shutdown([this, done = std::move(done)](const error_code& e) mutable {
      error_code ignored;
      stream_.next_layer().shutdown(asio::socket_base::shutdown_send, ignored);
      done(e, 0);
    });
  }
  void close() noexcept override { close_socket(stream_.next_layer()); }
  void abort() noexcept override { reset_socket(stream_.next_layer()); }

  void expect_host(const std::string& host, bool verify) {
    error_code not_an_address;
    asio::ip::make_address(host, not_an_address);
    if (not_an_address) SSL_set_tlsext_host_name(stream_.native_handle(), host.c_str());
    stream_.set_verify_mode(verify ? asio::ssl::verify_peer : asio::ssl::verify_none);
    if (verify) stream_.set_verify_callback(asio::ssl::host_name_verification(host));
  }

 private:
  TlsContext context_;
  asio::ssl::stream<Socket> stream_;
  asio::ssl::stream_base::handshake_type side_;
};

}  // namespace

std::unique_ptr<Stream> plain_stream(Socket socket) { return std::make_unique<PlainStream>(std::move(socket)); }

std::unique_ptr<Stream> tls_server_stream(Socket socket, TlsContext context) {
  return std::make_unique<TlsStream>(std::move(socket), std::move(context), asio::ssl::stream_base::server);
}

std::unique_ptr<Stream> tls_client_stream(Socket socket, TlsContext context, const std::string& host, bool verify) {
  auto stream = std::make_unique<TlsStream>(std::move(socket), std::move(context), asio::ssl::stream_base::client);
  stream->expect_host(host, verify);
  return stream;
}

}  // namespace hearth::http::detail
