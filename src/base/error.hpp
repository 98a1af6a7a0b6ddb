#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hearth::base {

// Every failure that hearth reports. One table (error_table.cpp) gives each code its HTTP status and its names;
// each dialect's table must have a row for each code: a new one without a row does not compile.
enum class ErrorCode : std::uint8_t {
  kInvalidRequest,      // a malformed or out-of-range value; `param` names the path
  kUnsupported,         // understood, but this model or build cannot do it
  kContextLength,       // the prompt does not fit the context
  kUnauthorized,        // no key, or an unknown one
  kForbidden,           // the key may not do this
  kHostNotAllowed,      // Host header outside the allowed list
  kModelNotFound,       // no such model; the message names the remedy
  kNotFound,            // no such route or object
  kMethodNotAllowed,    // the route exists under another method
  kConflict,            // the object is in a state that forbids it
  kPayloadTooLarge,     // body over the limit
  kHeaderTooLarge,      // header over the limit
  kUnsupportedMedia,    // content type that the route does not take
  kOverloaded,          // queue full; retry_after is computed
  kRateLimited,         // too many requests of this caller
  kInsufficientMemory,  // the model does not fit; the message has both numbers
  kModelLoadFailed,     // the file is broken or the engine refused it
  kBackendCrashed,      // the runner died
  kBackendError,        // the engine or an upstream failed
  kStreamCut,           // a stream ended without Finished or Failed
  kTimeout,             // a deadline passed
  kCancelled,           // the caller went away or asked to stop
  kShuttingDown,        // the server drains
  kUnavailable,         // nobody answers at the address
  kIo,                  // a file or socket operation failed
  kInternal,            // a bug of ours
};
inline constexpr std::size_t kErrorCodeCount = static_cast<std::size_t>(ErrorCode::kInternal) + 1;

struct ErrorTraits {
  int http_status;
  std::string_view name;  // stable machine name, e.g. "model_not_found"
  bool retryable;
};
[[nodiscard]] const ErrorTraits& traits(ErrorCode code);
// Inverse of traits(code).name; kInternal for an unknown name.
[[nodiscard]] ErrorCode error_code_from_name(std::string_view name);

// A failure as a value. `message` says what was tried, on what, why it failed and what to do.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
  std::string param{};                                // path of the offending field, e.g. "messages[2].content"
  std::optional<std::chrono::seconds> retry_after{};  // for kOverloaded and kRateLimited
  std::string context{};                              // for logs only, never shown to clients

  friend bool operator==(const Error&, const Error&) = default;
};

}  // namespace hearth::base

namespace hearth {
using base::Error;
using base::ErrorCode;
}  // namespace hearth
