#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

namespace hearth {

// Every failure that hearth reports.
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

// A failure as a value. `message` says what was tried, on what, why it failed and what to do.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
  std::string param{};                                // path of the offending field, e.g. "messages[2].content"
  std::optional<std::chrono::seconds> retry_after{};  // for kOverloaded and kRateLimited
  std::string context{};                              // for logs only, never shown to clients: the file, the upstream
  std::optional<std::uint64_t> offset{};              // bytes into the file that `context` names

  friend bool operator==(const Error&, const Error&) = default;
};

// What Result::value() throws: one class per kind of failure, so that a caller can catch what it can mend.
class HearthError : public std::runtime_error {
 public:
  explicit HearthError(Error error) : std::runtime_error(error.message), error_(std::move(error)) {}
  [[nodiscard]] const Error& error() const { return error_; }

 private:
  Error error_;
};
class ModelNotFoundError : public HearthError {
  using HearthError::HearthError;
};
// The request is at fault: malformed, out of range, or nothing that this model can do.
class ValidationError : public HearthError {
  using HearthError::HearthError;
};
// The model does not fit; the message has both numbers.
class MemoryError : public HearthError {
  using HearthError::HearthError;
};
// Whatever should have answered did not.
class BackendError : public HearthError {
  using HearthError::HearthError;
};
// Throws the class that belongs to the error's code.
[[noreturn]] void raise(Error error);

// A value or an Error. Expected failures travel in it; exceptions are for bugs and allocation only.
// std::expected plus [[nodiscard]], `map`/`and_then` (which libstdc++ 12 lacks), and a `value()` for those who prefer
// exceptions: it throws the error as a HearthError.
template <class T>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using value_type = T;
  using std::expected<T, Error>::expected;

  [[nodiscard]] const T& value() const& { return check(), **this; }
  [[nodiscard]] T& value() & { return check(), **this; }
  [[nodiscard]] T&& value() && { return check(), *std::move(*this); }

  template <class F>
  auto map(F&& f) && {
    using U = std::remove_cvref_t<std::invoke_result_t<F, T&&>>;
    if (!this->has_value()) return Result<U>(std::unexpected(std::move(this->error())));
    return Result<U>(std::forward<F>(f)(*std::move(*this)));
  }
  template <class F>
  auto and_then(F&& f) && {
    using R = std::remove_cvref_t<std::invoke_result_t<F, T&&>>;
    if (!this->has_value()) return R(std::unexpected(std::move(this->error())));
    return std::forward<F>(f)(*std::move(*this));
  }

 private:
  void check() const {
    if (!this->has_value()) raise(this->error());
  }
};

template <>
class [[nodiscard]] Result<void> : public std::expected<void, Error> {
 public:
  using std::expected<void, Error>::expected;
  void value() const {
    if (!this->has_value()) raise(this->error());
  }
};

// `return fail(ErrorCode::kNotFound, "model 'x' not found");` converts to any Result<T>.
[[nodiscard]] inline std::unexpected<Error> fail(ErrorCode code, std::string message, std::string param = {}) {
  return std::unexpected(Error{.code = code, .message = std::move(message), .param = std::move(param)});
}
[[nodiscard]] inline std::unexpected<Error> fail(Error error) { return std::unexpected(std::move(error)); }

}  // namespace hearth
