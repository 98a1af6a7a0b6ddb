#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "http/client.hpp"
#include "http/detail/wire.hpp"

namespace hearth::http::detail {

// Settings for outgoing TLS: the system's certificates, or no verification.
[[nodiscard]] TlsContext client_tls_context(bool verify);

// Resolves, connects (each address in turn) and shakes hands. Cancellable; nothing is left open then.
// kUnavailable names the endpoint and the reason; kTimeout when `deadline` passed.
[[nodiscard]] rt::Task<Result<std::shared_ptr<Wire>>> connect(rt::Executor executor, const Endpoint& endpoint,
                                                              const ClientOptions& options, TlsContext tls,
                                                              base::Deadline deadline);

}  // namespace hearth::http::detail
