#include "base/error.hpp"

#include <array>
#include <utility>

namespace hearth::base {
namespace {

constexpr std::array<ErrorTraits, kErrorCodeCount> kTraits{{
    {400, "invalid_request", false},
    {400, "unsupported", false},
    {400, "context_length_exceeded", false},
    {401, "unauthorized", false},
    {403, "forbidden", false},
    {421, "host_not_allowed", false},
    {404, "model_not_found", false},
    {404, "not_found", false},
    {405, "method_not_allowed", false},
    {409, "conflict", false},
    {413, "payload_too_large", false},
    {431, "header_too_large", false},
    {415, "unsupported_media_type", false},
    {503, "overloaded", true},
    {429, "rate_limited", true},
    {507, "insufficient_memory", false},
    {500, "model_load_failed", false},
    {502, "backend_crashed", true},
    {502, "backend_error", true},
    {502, "stream_cut", true},
    {504, "timeout", true},
    {499, "cancelled", false},
    {503, "shutting_down", true},
    {502, "unavailable", true},
    {500, "io_error", false},
    {500, "internal_error", false},
}};
static_assert(!kTraits.back().name.empty(), "every ErrorCode needs a row");

}  // namespace

const ErrorTraits& traits(ErrorCode code) { return kTraits.at(static_cast<std::size_t>(code)); }

ErrorCode error_code_from_name(std::string_view name) {
  for (std::size_t i = 0; i < kTraits.size(); ++i) {
    if (kTraits[i].name == name) return static_cast<ErrorCode>(i);
  }
  return ErrorCode::kInternal;
}

}  // namespace hearth::base

namespace hearth {

void raise(Error error) {
  switch (error.code) {
    case ErrorCode::kInvalidRequest:
    case ErrorCode::kUnsupported:
    case ErrorCode::kContextLength:
    case ErrorCode::kMethodNotAllowed:
    case ErrorCode::kPayloadTooLarge:
    case ErrorCode::kHeaderTooLarge:
    case ErrorCode::kUnsupportedMedia: throw ValidationError(std::move(error));
    case ErrorCode::kModelNotFound: throw ModelNotFoundError(std::move(error));
    case ErrorCode::kInsufficientMemory: throw MemoryError(std::move(error));
    case ErrorCode::kOverloaded:
    case ErrorCode::kRateLimited:
    case ErrorCode::kModelLoadFailed:
    case ErrorCode::kBackendCrashed:
    case ErrorCode::kBackendError:
    case ErrorCode::kStreamCut:
    case ErrorCode::kTimeout:
    case ErrorCode::kShuttingDown:
    case ErrorCode::kUnavailable: throw BackendError(std::move(error));
    case ErrorCode::kUnauthorized:
    case ErrorCode::kForbidden:
    case ErrorCode::kHostNotAllowed:
    case ErrorCode::kNotFound:
    case ErrorCode::kConflict:
    case ErrorCode::kCancelled:
    case ErrorCode::kIo:
    case ErrorCode::kInternal: break;
  }
  throw HearthError(std::move(error));
}

}  // namespace hearth
