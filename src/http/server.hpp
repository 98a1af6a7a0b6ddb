#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/result.hpp"
#include "http/limits.hpp"
#include "http/service.hpp"
#include "rt/io_threads.hpp"

namespace hearth::http {

struct TlsFiles {
  std::filesystem::path certificate;  // PEM chain
  std::filesystem::path key;
};
struct ListenAddress {
  std::string host;                 // name, IPv4 or IPv6 literal; ignored with unix_path
  std::uint16_t port = 0;           // 0 = any free one
  std::filesystem::path unix_path;  // a unix socket instead of TCP
};
struct ServerStats {
  std::uint64_t connections_open = 0;
  std::uint64_t connections_total = 0;
  std::uint64_t connections_shed = 0;  // closed because of connections_max
  std::uint64_t requests_total = 0;
  std::uint64_t requests_in_flight = 0;
  std::uint64_t body_bytes = 0;    // of all requests that have arrived, wholly or in part, and are not answered
  std::uint64_t clients_gone = 0;  // requests cancelled because the client left
};

// HTTP/1.1 and 1.0 over TCP, TLS and unix sockets. A connection stays on the loop that accepted it.
// REQUIRES: service, threads and log outlive the server. stop() before destruction.
class Server {
 public:
  Server(rt::IoThreads& threads, Service& service, Limits limits, base::Log& log);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Listens and starts accepting. kIo names the address and the reason ("address already in use").
  [[nodiscard]] Result<void> listen(const ListenAddress& address, const std::optional<TlsFiles>& tls = std::nullopt);
  // The port really bound by the last TCP listen.
  [[nodiscard]] std::uint16_t port() const;
  // Stops accepting, lets requests in flight finish for `grace`, then cancels them (CancelReason::kShutdown). Idle
  // connections close at once. Returns when all connections are closed. Idempotent. `end_work`: awaited when the grace
  // is over; requests whose answers end by it have two seconds to send their ends.
  [[nodiscard]] rt::Task<void> stop(std::chrono::milliseconds grace, std::function<rt::Task<void>()> end_work = {});
  // Thread-safe snapshot.
  [[nodiscard]] ServerStats stats() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::http
