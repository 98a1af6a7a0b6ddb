#include "http/detail/connect.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/ssl/context.hpp>
#include <fmt/format.h>
#include <sys/un.h>
#include <utility>
#include <vector>

namespace hearth::http::detail {

namespace asio = boost::asio;
using asio::generic::stream_protocol;
using boost::system::error_code;

namespace {

// What the operations of one attempt share: they outlive a coroutine that gives up waiting.
struct Attempt {
  explicit Attempt(const rt::Executor& executor) : socket(executor), resolver(executor), done(executor) {}
  Socket socket;
  asio::ip::tcp::resolver resolver;
  Event done;
  error_code error;
  std::vector<stream_protocol::endpoint> addresses;
};
using AttemptPtr = std::shared_ptr<Attempt>;

// Closes the attempt's socket when the coroutine ends, however it ends.
class CloseOnExit {
 public:
  explicit CloseOnExit(AttemptPtr attempt) : attempt_(std::move(attempt)) {}
  ~CloseOnExit() {
    error_code ignored;
    attempt_->socket.close(ignored);
    attempt_->resolver.cancel();
  }
  CloseOnExit(const CloseOnExit&) = delete;
  CloseOnExit& operator=(const CloseOnExit&) = delete;

 private:
  AttemptPtr attempt_;
};

enum class Outcome { kDone, kFailed, kLate };

rt::Task<Outcome> resolve(AttemptPtr attempt, const Endpoint& endpoint, base::Deadline deadline) {
  if (!endpoint.unix_path.empty()) {
    attempt->addresses.emplace_back(asio::local::stream_protocol::endpoint(endpoint.unix_path.string()));
    co_return Outcome::kDone;
  }
  error_code no_literal;
  const auto literal = asio::ip::make_address(endpoint.host, no_literal);
  if (!no_literal) {
    attempt->addresses.emplace_back(asio::ip::tcp::endpoint(literal, endpoint.port));
    co_return Outcome::kDone;
  }
  attempt->resolver.async_resolve(endpoint.host, std::to_string(endpoint.port),
                                  [attempt](const error_code& error, const auto& found) {
                                    attempt->error = error;
                                    for (const auto& entry : found) attempt->addresses.emplace_back(entry.endpoint());
                                    attempt->done.notify();
                                  });
  if (!co_await attempt->done.wait(deadline)) co_return Outcome::kLate;
  co_return attempt->error ? Outcome::kFailed : Outcome::kDone;
}

rt::Task<Outcome> connect_to_any(AttemptPtr attempt, base::Deadline deadline) {
  const auto addresses = attempt->addresses;
  for (const auto& address : addresses) {
    error_code ignored;
    attempt->socket.close(ignored);
    attempt->socket.async_connect(address, [attempt](const error_code& error) {
      attempt->error = error;
      attempt->done.notify();
    });
    if (!co_await attempt->done.wait(deadline)) co_return Outcome::kLate;
    if (!attempt->error) {
      if (address.protocol().family() != AF_UNIX) {
        attempt->socket.set_option(asio::ip::tcp::no_delay(true), ignored);
      }
      co_return Outcome::kDone;
    }
  }
  co_return Outcome::kFailed;
}

Error unavailable(const Endpoint& endpoint, const std::string& why) {
  return {.code = ErrorCode::kUnavailable,
          .message = fmt::format("nobody answers at {}: {}", endpoint.describe(), why)};
}

base::Deadline earlier(base::Deadline a, base::Deadline b) {
  if (!a.at()) return b;
  if (!b.at()) return a;
  return *a.at() < *b.at() ? a : b;
}

}  // namespace

TlsContext client_tls_context(bool verify) {
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_client);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  error_code ignored;
  if (verify) context->set_default_verify_paths(ignored);
  return context;
}

rt::Task<Result<std::shared_ptr<Wire>>> connect(rt::Executor executor, const Endpoint& endpoint,
                                                const ClientOptions& options, TlsContext tls, base::Deadline deadline) {
  const auto limit = earlier(deadline, base::Deadline::after(options.connect_timeout));
  const auto too_late = [&] {
    if (deadline.passed(std::chrono::steady_clock::now())) {
      return Error{.code = ErrorCode::kTimeout, .message = "connecting to " + endpoint.describe() + " took too long"};
    }
    return unavailable(endpoint, fmt::format("no answer within {} ms", options.connect_timeout.count()));
  };
  if (endpoint.unix_path.string().size() >= sizeof(sockaddr_un::sun_path)) {
    co_return fail(unavailable(endpoint, "the path is too long for a socket"));
  }
  const auto attempt = std::make_shared<Attempt>(executor);
  const CloseOnExit close_on_exit(attempt);
  Outcome outcome = co_await resolve(attempt, endpoint, limit);
  if (outcome == Outcome::kDone) outcome = co_await connect_to_any(attempt, limit);
  if (outcome == Outcome::kLate) co_return fail(too_late());
  if (outcome == Outcome::kFailed) co_return fail(unavailable(endpoint, attempt->error.message()));

  if (!endpoint.tls) co_return std::make_shared<Wire>(plain_stream(std::move(attempt->socket)));
  auto wire = std::make_shared<Wire>(
      tls_client_stream(std::move(attempt->socket), std::move(tls), endpoint.host, options.verify_tls));
  const auto ready = co_await wire->handshake(limit);
  if (ready) co_return wire;
  wire->close();
  if (ready.error().code == ErrorCode::kTimeout) co_return fail(too_late());
  co_return fail(unavailable(endpoint, ready.error().message));
}

}  // namespace hearth::http::detail
