#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "http/message.hpp"
#include "rt/task.hpp"

namespace hearth::http {

struct Endpoint {
  std::string host;
  std::uint16_t port = 80;
  bool tls = false;
  std::filesystem::path unix_path;  // instead of host and port
  // "http://host:port", "https://…" or "unix:/path". kInvalidRequest names what is wrong.
  [[nodiscard]] static Result<Endpoint> parse(std::string_view url);
  [[nodiscard]] std::string describe() const;
};

// The answer to one request: head now, body as it arrives. Destroying it before the end closes the connection (that is
// how an upstream learns that nobody listens any more); after the end the connection goes back to the client's pool.
class ClientResponse {
 public:
  virtual ~ClientResponse() = default;
  [[nodiscard]] virtual const ResponseHead& head() const = 0;
  // The next piece of the body; an empty string at its proper end; kStreamCut if the connection broke before; kTimeout
  // when the deadline passed: nothing is lost, and it may be called again.
  [[nodiscard]] virtual rt::Task<Result<std::string>> read(base::Deadline deadline = {}) = 0;
};

struct ClientOptions {
  std::chrono::milliseconds connect_timeout{5000};
  std::size_t idle_connections_max = 64;
  base::Bytes header_max{64ULL << 10};
  bool verify_tls = true;
  // Whether a request is sent once more when a reused connection was closed without a byte of answer, although the
  // server may have read the request. (One that could not be sent is sent once more in any case.)
  bool resend = true;
};

// HTTP/1.1 client for one endpoint, with keep-alive. One per event loop; all calls on that loop. No redirects, no
// retries but one: a reused idle connection that turns out closed before any byte of the answer is replaced once
// (`resend`).
class Client {
 public:
  Client(rt::Executor executor, Endpoint endpoint, ClientOptions options = {});
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Sends and waits for the head of the answer. Errors: kUnavailable (nobody answers; names the endpoint), kTimeout,
  // kStreamCut.
  [[nodiscard]] rt::Task<Result<std::unique_ptr<ClientResponse>>> send(Request request, base::Deadline deadline = {});
  // send, then the whole body, at most `body_max`.
  [[nodiscard]] rt::Task<Result<Response>> fetch(Request request, base::Deadline deadline,
                                                 base::Bytes body_max = {64ULL << 20});

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace hearth::http
