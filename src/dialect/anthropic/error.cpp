#include <array>
#include <string>

#include "dialect/anthropic/anthropic.hpp"
#include "dialect/anthropic/render.hpp"
#include "dialect/common/error_table.hpp"
#include "json/writer.hpp"

namespace hearth::dialect::anthropic {
namespace {

struct Row {
  ErrorCode code;
  int status;
  std::string_view type;
};
using enum ErrorCode;
constexpr std::array<Row, base::kErrorCodeCount> kRows{{
    {kInvalidRequest, 400, "invalid_request_error"},
    {kUnsupported, 400, "invalid_request_error"},
    {kContextLength, 400, "invalid_request_error"},
    {kUnauthorized, 401, "authentication_error"},
    {kForbidden, 403, "permission_error"},
    {kHostNotAllowed, 421, "permission_error"},
    {kModelNotFound, 404, "not_found_error"},
    {kNotFound, 404, "not_found_error"},
    {kMethodNotAllowed, 405, "invalid_request_error"},
    {kConflict, 409, "conflict"},
    {kPayloadTooLarge, 413, "request_too_large"},
    {kHeaderTooLarge, 431, "request_too_large"},
    {kUnsupportedMedia, 415, "invalid_request_error"},
    {kOverloaded, 529, "overloaded_error"},
    {kRateLimited, 429, "rate_limit_error"},
    {kInsufficientMemory, 500, "api_error"},
    {kModelLoadFailed, 500, "api_error"},
    {kBackendCrashed, 500, "api_error"},
    {kBackendError, 500, "api_error"},
    {kStreamCut, 500, "api_error"},
    {kTimeout, 504, "timeout_error"},
    {kCancelled, 499, "invalid_request_error"},
    {kShuttingDown, 529, "overloaded_error"},
    {kUnavailable, 500, "api_error"},
    {kIo, 500, "api_error"},
    {kInternal, 500, "api_error"},
}};
static_assert(common::covers_every_code(kRows), "every ErrorCode needs its row, in order");

// Clients know a context overflow by this phrase alone.
std::string message_of(const Error& error) {
  constexpr std::string_view kTooLong = "prompt is too long";
  if (error.code != kContextLength || error.message.contains(kTooLong)) return error.message;
  return std::string(kTooLong) + ": " + error.message;
}

}  // namespace

ErrorAnswer error(const Error& error, std::string_view request_id) {
  const Row& row = kRows.at(static_cast<std::size_t>(error.code));
  json::Writer w;
  w.begin_object().field("type", "error").key("error").begin_object();
  w.field("type", row.type).field("message", message_of(error)).end_object();
  if (!request_id.empty()) w.field("request_id", request_id);
  w.end_object();
  return {.status = row.status, .body = std::move(w).take()};
}

Frame error_frame(const Error& failure) { return {.event = "error", .data = error(failure).body}; }

}  // namespace hearth::dialect::anthropic
