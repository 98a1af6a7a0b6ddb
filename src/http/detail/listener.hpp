#pragma once

#include <atomic>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "http/detail/connection.hpp"
#include "http/server.hpp"
#include "rt/io_threads.hpp"

namespace hearth::http::detail {

// One listening socket on the first loop; hands its connections to all loops in turn.
class Listener : public std::enable_shared_from_this<Listener> {
 public:
  // Binds and listens. kIo names the address and the reason; kInvalidRequest a certificate or key that does not fit.
  [[nodiscard]] static Result<std::shared_ptr<Listener>> open(std::shared_ptr<ServerShared> server,
                                                              rt::IoThreads& threads, const ListenAddress& address,
                                                              const std::optional<TlsFiles>& tls);
  ~Listener();

  [[nodiscard]] std::uint16_t port() const { return port_; }
  // Thread-safe. Starts accepting.
  void start();
  // Thread-safe. Nothing is accepted after `closed()` has become true; a unix path is gone then.
  void close();
  [[nodiscard]] bool closed() const { return closed_; }

 private:
  using Acceptor = boost::asio::basic_socket_acceptor<boost::asio::generic::stream_protocol>;

  Listener(std::shared_ptr<ServerShared> server, rt::IoThreads& threads);
  Result<void> bind_tcp(const ListenAddress& address);
  Result<void> bind_unix(const std::filesystem::path& path);
  static rt::Task<void> run(std::shared_ptr<Listener> self);
  void take(Socket socket, rt::Executor executor);
  rt::Task<void> survive(boost::system::error_code error);
  bool make_room();
  void unlink_path();

  std::shared_ptr<ServerShared> server_;
  rt::IoThreads& threads_;
  Acceptor acceptor_;
  TlsContext tls_;
  std::uint16_t port_ = 0;
  std::filesystem::path path_;
  std::uint64_t path_inode_ = 0;
  std::size_t next_loop_ = 0;
  base::SteadyTime complained_{};
  std::atomic<bool> closed_ = false;
};

}  // namespace hearth::http::detail
