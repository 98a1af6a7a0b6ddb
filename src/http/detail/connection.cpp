#include "http/detail/connection.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <utility>

namespace hearth::http::detail {

namespace asio = boost::asio;

namespace {

// An unwanted body is read away up to this size, so that the client sees the answer instead of a reset.
constexpr base::Bytes kDrainMax{32ULL << 20};
constexpr std::chrono::seconds kDrainTime{5};
constexpr int kRequestTimeoutStatus = 408;

// Counts a complete request until it is answered.
class InFlight {
 public:
  explicit InFlight(ServerShared& server) : server_(server) { ++server.requests_in_flight; }
  ~InFlight() { --server_.requests_in_flight; }
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;

 private:
  ServerShared& server_;
};

std::string describe(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "an exception of unknown type";
  }
}

Error overloaded(std::string what) {
  return {.code = ErrorCode::kOverloaded, .message = std::move(what), .retry_after = std::chrono::seconds(1)};
}

Error late(std::string what) { return {.code = ErrorCode::kTimeout, .message = std::move(what)}; }

}  // namespace

// The bytes of one body, counted among those of all.
class BodyBytes {
 public:
  explicit BodyBytes(ServerShared& server) : server_(server) {}
  ~BodyBytes() { drop(); }
  BodyBytes(const BodyBytes&) = delete;
  BodyBytes& operator=(const BodyBytes&) = delete;
  // false: all bodies together are too large now.
  [[nodiscard]] bool add(std::uint64_t bytes) {
    count_ += bytes;
    return (server_.body_bytes += bytes) <= server_.limits.bodies_max.count;
  }
  void drop() { server_.body_bytes -= std::exchange(count_, 0); }
  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  ServerShared& server_;
  std::uint64_t count_ = 0;
};

Connection::Connection(std::shared_ptr<ServerShared> server, std::unique_ptr<Stream> stream, Peer peer)
    : server_(std::move(server)),
      wire_(std::make_shared<Wire>(std::move(stream))),
      executor_(wire_->executor()),
      peer_(std::move(peer)) {}

std::shared_ptr<Connection> Connection::create(std::shared_ptr<ServerShared> server, std::unique_ptr<Stream> stream,
                                               Peer peer) {
  auto connection = std::shared_ptr<Connection>(new Connection(std::move(server), std::move(stream), std::move(peer)));
  connection->ticket_ = connection->server_->registry.add(connection);
  ++connection->server_->connections_total;
  return connection;
}

void Connection::start() {
  const auto self = shared_from_this();
  auto ended = [self](const std::exception_ptr& failure) {
    if (failure) self->server_->log.error("http: connection of {}: {}", self->peer_.text, describe(failure));
    self->wire_->close();
    const auto server = self->server_;
    server->registry.remove(self->ticket_);
  };
  if (server_->draining) wire_->close();  // accepted while the server was being stopped
  asio::co_spawn(executor_, run(self), asio::bind_cancellation_slot(cancelled_.slot(), std::move(ended)));
}

void Connection::drain() {
  if (phase_ != Phase::kBody && phase_ != Phase::kBusy) wire_->close();
}

void Connection::shed() {
  if (phase_ != Phase::kBusy) wire_->close();
}

void Connection::cancel(CancelReason reason) {
  const auto self = shared_from_this();
  if (active_ != nullptr) {
    if (active_->reason() != CancelReason::kNone) return;
    const bool gone = reason == CancelReason::kClientGone;
    if (!gone || !active_->complete()) {  // who leaves with the whole answer interrupts nothing
      if (gone) ++server_->clients_gone;
      active_->leave(reason);
      cancelled_.emit(asio::cancellation_type::terminal);
    }
  }
  wire_->close();
}

bool Connection::enter(Phase phase) {
  phase_ = phase;
  const bool in_request = phase == Phase::kBody || phase == Phase::kBusy;
  return server_->registry.move(ticket_, phase) && !(server_->draining && !in_request);
}

// After a cancellation nothing may be awaited any more: every path to it returns false at once.
rt::Task<void> Connection::run(std::shared_ptr<Connection> self) {
  const auto ready = co_await self->wire_->handshake(base::Deadline::after(self->server_->limits.header_timeout));
  if (!ready) {
    self->server_->log.debug("http: {}: {}", self->peer_.text, ready.error().message);
    co_return;
  }
  while (co_await self->exchange()) {
    if (!self->enter(Phase::kIdle)) co_return;
  }
}

// One request and its answer. true: the connection is good for another.
rt::Task<bool> Connection::exchange() {
  if (!co_await await_request()) co_return false;
  if (phase_ != Phase::kHeader && !enter(Phase::kHeader)) co_return false;
  RequestParser parser(server_->limits.header_max);
  Next next = co_await read_head(parser);
  if (next == Next::kGoOn) {
    if (!enter(Phase::kBody)) co_return false;
    ++server_->requests_total;
    BodyBytes body(*server_);
    next = co_await admit(parser);
    if (next == Next::kGoOn) next = co_await read_body(parser, body);
    if (next == Next::kGoOn) {
      if (!enter(Phase::kBusy)) co_return false;
      const InFlight in_flight(*server_);
      co_return co_await handle(parser);
    }
  }
  co_return next == Next::kAgain;
}

// Until the first byte of a request. Empty lines before it are skipped (RFC 9112, section 2.2).
rt::Task<bool> Connection::await_request() {
  const auto deadline = base::Deadline::after(server_->limits.idle_timeout);
  while (true) {
    std::size_t blank = 0;
    while (blank < wire_->input().size() && (wire_->input()[blank] == '\r' || wire_->input()[blank] == '\n')) ++blank;
    wire_->consume(blank);
    if (!wire_->input().empty()) co_return true;
    wire_->relax();
    if (co_await wire_->more(deadline) != Wire::Input::kData) co_return false;
  }
}

rt::Task<Connection::Next> Connection::read_head(RequestParser& parser) {
  const auto deadline = base::Deadline::after(server_->limits.header_timeout);
  while (true) {
    const auto fed = parser.feed(wire_->input());
    parser.head().peer = peer_.text;
    parser.head().peer_is_loopback = peer_.loopback;
    if (!fed) co_return co_await refuse(parser, fed.error(), base::traits(fed.error().code).http_status, false);
    wire_->consume(fed->consumed);
    if (parser.head_done()) co_return Next::kGoOn;
    const auto input = co_await wire_->more(deadline);
    if (input == Wire::Input::kEnd) co_return Next::kClose;
    if (input == Wire::Input::kLate) {
      co_return co_await refuse(parser, late("the request header took too long"), kRequestTimeoutStatus, false);
    }
  }
}

// Decides on the body before it arrives.
rt::Task<Connection::Next> Connection::admit(RequestParser& parser) {
  if (server_->requests_in_flight >= server_->limits.requests_in_flight_max)
    co_return co_await refuse(parser, overloaded("too many requests in flight; try again"), 503, true);
  RoutePolicy policy;
  std::string bug;
  try {
    policy = server_->service.policy(parser.head());
  } catch (...) {
    bug = describe(std::current_exception());
  }
  if (!bug.empty()) {
    server_->log.error("http: policy for {}: {}", parser.head().path, bug);
    Error error{.code = ErrorCode::kInternal, .message = "internal error"};
    co_return co_await refuse(parser, std::move(error), 500, true);
  }
  if (policy.refusal) co_return co_await refuse(parser, *std::move(policy.refusal), 0, true);
  sink_ = std::move(policy.sink);
  const base::Bytes max = policy.body_max;
  parser.limit_body(max);
  const auto declared = parser.declared_length();
  if (declared && *declared > max.count) {
    Error error{.code = ErrorCode::kPayloadTooLarge};
    error.message = "the request body of " + std::to_string(*declared) + " bytes is larger than this route accepts (" +
                    std::to_string(max.count) + " bytes)";
    co_return co_await refuse(parser, std::move(error), 413, true);
  }
  if (!parser.done() && parser.expects_continue() && wire_->input().empty()) {
    const auto deadline = base::Deadline::after(server_->limits.write_timeout);
    const auto sent = co_await wire_->write("HTTP/1.1 100 Continue\r\n\r\n", {}, {}, deadline);
    if (!sent) co_return Next::kClose;
  }
  co_return Next::kGoOn;
}

rt::Task<Connection::Next> Connection::read_body(RequestParser& parser, BodyBytes& held) {
  const Limits& limits = server_->limits;
  const auto begin = std::chrono::steady_clock::now();
  std::uint64_t received = 0;
  while (!parser.done()) {
    const auto fed = parser.feed(wire_->input());
    if (!fed) co_return co_await refuse(parser, fed.error(), base::traits(fed.error().code).http_status, false);
    wire_->consume(fed->consumed);
    received += fed->consumed;
    if (sink_) {
      std::string piece = std::exchange(parser.body(), {});
      if (piece.empty()) {
        // a chunk's header
      } else if (auto taken = co_await sink_->take(std::move(piece)); !taken)
        co_return co_await refuse(parser, std::move(taken).error(), 0, false);
    } else if (!held.add(fed->consumed)) {
      parser.body() = {};
      held.drop();
      co_return co_await refuse(parser, overloaded("the request bodies in flight are too large together; try again"),
                                503, false);
    }
    if (parser.done()) break;
    if (wire_->input().size() > limits.header_max.count) {  // a chunk's header or the trailer
      Error error{.code = ErrorCode::kInvalidRequest, .message = "malformed chunked request body"};
      co_return co_await refuse(parser, std::move(error), 400, false);
    }
    const std::chrono::seconds earned(received / limits.body_rate_min.count);
    const auto left = limits.body_grace + earned - (std::chrono::steady_clock::now() - begin);
    const bool slow = left < limits.body_idle_timeout;
    const auto input = co_await wire_->more(base::Deadline::after(slow ? left : limits.body_idle_timeout));
    if (input == Wire::Input::kEnd) co_return Next::kClose;
    if (input == Wire::Input::kLate) {
      const char* const what = slow ? "the request body arrived too slowly" : "the request body stopped arriving";
      co_return co_await refuse(parser, late(what), kRequestTimeoutStatus, false);
    }
  }
  co_return Next::kGoOn;
}

WireWriter::Facts Connection::facts(RequestParser& parser, bool keep) const {
  WireWriter::Facts facts;
  facts.head_request = parser.head_done() && parser.head().method == Method::kHead;
  facts.version = parser.head().version;
  facts.keep_alive = keep && parser.head_done() && parser.keep_alive() && !server_->draining;
  facts.write_timeout = server_->limits.write_timeout;
  return facts;
}

rt::Task<bool> Connection::handle(RequestParser& parser) {
  WireWriter writer(*wire_, facts(parser, true), [this] { cancel(CancelReason::kClientGone); });
  Request request;
  static_cast<RequestHead&>(request) = parser.head();  // a copy: refuse() may need the head after a failure
  request.body = std::move(parser.body());
  request.sink = std::move(sink_);

  wire_->relax();
  active_ = &writer;
  wire_->read_ahead(server_->limits.read_ahead_max.count, [this] { cancel(CancelReason::kClientGone); });
  std::string bug;
  try {
    if (wire_->ended()) {
      cancel(CancelReason::kClientGone);
    } else {
      co_await server_->service.serve(std::move(request), writer);
    }
  } catch (...) {
    bug = describe(std::current_exception());
  }
  active_ = nullptr;
  wire_->stop_read_ahead();
  if (writer.reason() != CancelReason::kNone) co_return false;
  co_return co_await after_handler(parser, writer, std::move(bug));
}

rt::Task<bool> Connection::after_handler(RequestParser& parser, const WireWriter& writer, std::string bug) {
  if (writer.complete()) {
    if (!bug.empty()) server_->log.error("http: handler of {} failed after its answer: {}", peer_.text, bug);
    if (writer.keep_alive() && !server_->draining) co_return true;
    co_await linger();
    co_return false;
  }
  server_->log.error("http: handler for {}: {}", peer_.text, bug.empty() ? "it ended without an answer" : bug);
  if (!writer.started()) {
    const Error error{.code = ErrorCode::kInternal, .message = "internal error"};
    co_return co_await refuse(parser, error, 500, true) == Next::kAgain;
  }
  wire_->abort();  // a close-delimited answer must not look complete
  co_return false;
}

// Answers in the server's own name; status 0 = the service's. `keep`: the connection may live on once the rest of the
// body has been read away.
rt::Task<Connection::Next> Connection::refuse(RequestParser& parser, Error error, int status, bool keep) {
  const bool body_follows = parser.head_done() && !parser.done();
  const auto declared = body_follows ? parser.declared_length() : std::nullopt;
  if (body_follows && (parser.expects_continue() || !declared || *declared > kDrainMax.count)) keep = false;
  Response response = server_->service.refuse(parser.head(), error);
  if (status != 0) response.status = status;
  WireWriter writer(*wire_, facts(parser, keep), [] {});
  const auto sent = co_await writer.respond(std::move(response));
  if (!sent) co_return Next::kClose;
  if (writer.keep_alive() && (!body_follows || co_await drain_body(parser))) co_return Next::kAgain;
  co_await linger();
  co_return Next::kClose;
}

rt::Task<bool> Connection::drain_body(RequestParser& parser) {
  parser.discard_body();
  parser.limit_body(kDrainMax);
  const auto deadline = base::Deadline::after(kDrainTime);
  while (!parser.done()) {
    const auto fed = parser.feed(wire_->input());
    if (!fed) co_return false;
    wire_->consume(fed->consumed);
    if (!parser.done() && co_await wire_->more(deadline) != Wire::Input::kData) co_return false;
  }
  co_return true;
}

// Ends our side and reads the rest away for a while, so that the last answer is not lost in a reset.
rt::Task<void> Connection::linger() {
  wire_->end_output();
  if (!enter(Phase::kIdle)) co_return;
  const auto deadline = base::Deadline::after(kDrainTime);
  std::uint64_t dropped = 0;
  do {
    dropped += wire_->input().size();
    wire_->consume(wire_->input().size());
  } while (dropped < kDrainMax.count && co_await wire_->more(deadline) == Wire::Input::kData);
}

}  // namespace hearth::http::detail
