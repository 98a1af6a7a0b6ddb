#pragma once

#include <atomic>
#include <boost/asio/cancellation_signal.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/log.hpp"
#include "http/detail/parser.hpp"
#include "http/detail/registry.hpp"
#include "http/detail/wire.hpp"
#include "http/detail/wire_writer.hpp"
#include "http/limits.hpp"
#include "http/service.hpp"

namespace hearth::http::detail {

// What all connections of a server share. The counters are thread-safe; service and log outlive every connection.
struct ServerShared {
  ServerShared(Service& s, const Limits& l, base::Log& g) : service(s), limits(l), log(g) {}

  Service& service;
  const Limits limits;
  base::Log& log;
  Registry registry;
  std::atomic<bool> draining = false;
  std::atomic<std::uint64_t> connections_total = 0;
  std::atomic<std::uint64_t> connections_shed = 0;
  std::atomic<std::uint64_t> requests_total = 0;
  std::atomic<std::uint64_t> requests_in_flight = 0;
  std::atomic<std::uint64_t> body_bytes = 0;  // held by all requests that are not answered yet
  std::atomic<std::uint64_t> clients_gone = 0;
};

struct Peer {
  std::string text;
  bool loopback = false;
};

// One client's connection: reads requests, runs the service, keeps the connection or closes it. Its own shared owner
// while it runs. Everything but `create` and `executor` on the loop of its stream.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // Thread-safe; counts the connection. `start` must follow on its loop.
  [[nodiscard]] static std::shared_ptr<Connection> create(std::shared_ptr<ServerShared> server,
                                                          std::unique_ptr<Stream> stream, Peer peer);
  [[nodiscard]] const rt::Executor& executor() const { return executor_; }

  void start();
  // Closes now unless a request is being read or answered; that one becomes the last.
  void drain();
  // Ends whatever goes on.
  void cancel(CancelReason reason);
  // Closes unless a request has come completely in the meantime.
  void shed();

 private:
  enum class Next { kGoOn, kAgain, kClose };

  Connection(std::shared_ptr<ServerShared> server, std::unique_ptr<Stream> stream, Peer peer);
  static rt::Task<void> run(std::shared_ptr<Connection> self);
  rt::Task<bool> exchange();
  rt::Task<bool> await_request();
  rt::Task<Next> read_head(RequestParser& parser);
  rt::Task<Next> admit(RequestParser& parser);
  rt::Task<Next> read_body(RequestParser& parser, class BodyBytes& held);
  rt::Task<bool> handle(RequestParser& parser);
  rt::Task<bool> after_handler(RequestParser& parser, const WireWriter& writer, std::string bug);
  rt::Task<Next> refuse(RequestParser& parser, Error error, int status, bool keep);
  rt::Task<bool> drain_body(RequestParser& parser);
  rt::Task<void> linger();
  [[nodiscard]] bool enter(Phase phase);
  [[nodiscard]] WireWriter::Facts facts(RequestParser& parser, bool keep) const;

  std::shared_ptr<ServerShared> server_;
  std::shared_ptr<Wire> wire_;
  rt::Executor executor_;
  Peer peer_;
  Registry::Ticket ticket_;
  Phase phase_ = Phase::kHeader;
  std::shared_ptr<BodySink> sink_;  // of the request that is being read
  WireWriter* active_ = nullptr;    // while a handler runs
  boost::asio::cancellation_signal cancelled_;
};

}  // namespace hearth::http::detail
