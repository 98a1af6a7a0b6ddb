#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "http/message.hpp"
#include "rt/task.hpp"

namespace hearth::http {

enum class CancelReason { kNone, kClientGone, kDeadline, kOverload, kShutdown };

// Where one request's answer goes. Either one `respond`, or `start`, any number of `write`, `finish`.
// Every call suspends until the bytes are with the kernel (that is the backpressure); an error means that the peer is
// gone and that nothing further will arrive. Framing (Content-Length, chunked, HTTP/1.0 close, HEAD) is the server's
// business. A handler that returns without finishing leaves a visibly broken answer: the connection is closed mid-body,
// or a 500 goes out if nothing was started.
class ResponseWriter {
 public:
  virtual ~ResponseWriter() = default;
  [[nodiscard]] virtual rt::Task<Result<void>> respond(Response response) = 0;
  [[nodiscard]] virtual rt::Task<Result<void>> start(ResponseHead head) = 0;
  [[nodiscard]] virtual rt::Task<Result<void>> write(std::string chunk) = 0;
  [[nodiscard]] virtual rt::Task<Result<void>> finish() = 0;
  [[nodiscard]] virtual bool started() const = 0;
  // Requested as soon as the client has gone (EOF, reset, half-close), or the server is stopping. The handler's
  // coroutine is cancelled too: every wait in it ends. Cleanup belongs in destructors.
  [[nodiscard]] virtual std::stop_token gone() const = 0;
  [[nodiscard]] virtual CancelReason reason() const = 0;
};

struct RoutePolicy {
  base::Bytes body_max{32ULL << 20};
  std::shared_ptr<BodySink> sink{};  // takes the body instead of memory
  std::optional<Error> refusal{};    // set: answered by refuse() with its status, before the body is read
};

// Something that answers requests: a router, a middleware, a proxy, the gateway. Called on the connection's loop.
class Service {
 public:
  virtual ~Service() = default;
  // Called with the head only, before the body is read; the body is refused (413) while it arrives beyond the limit.
  [[nodiscard]] virtual RoutePolicy policy(const RequestHead& head) const = 0;
  [[nodiscard]] virtual rt::Task<void> serve(Request request, ResponseWriter& writer) = 0;
  // The body of an answer that the server makes itself (400 malformed, 408, 413, 431, 500, 503): status and reason are
  // given, and the head as far as it was read. Default: JSON {"error": "..."}.
  [[nodiscard]] virtual Response refuse(const RequestHead& head, const Error& error) const;
};

}  // namespace hearth::http
