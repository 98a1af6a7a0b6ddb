#include <array>

#include "dialect/common/error_table.hpp"
#include "dialect/openai/openai.hpp"
#include "dialect/openai/render.hpp"

namespace hearth::dialect::openai {
namespace {

struct Row {
  ErrorCode code;
  int status;
  std::string_view type;
  std::string_view name;  // the "code" of the body
};
using enum ErrorCode;
constexpr std::array<Row, base::kErrorCodeCount> kRows{{
    {kInvalidRequest, 400, "invalid_request_error", "invalid_value"},
    {kUnsupported, 400, "invalid_request_error", "unsupported"},
    {kContextLength, 400, "invalid_request_error", "context_length_exceeded"},
    {kUnauthorized, 401, "invalid_request_error", "invalid_api_key"},
    {kForbidden, 403, "permission_error", "forbidden"},
    {kHostNotAllowed, 421, "invalid_request_error", "host_not_allowed"},
    {kModelNotFound, 404, "invalid_request_error", "model_not_found"},
    {kNotFound, 404, "invalid_request_error", "not_found"},
    {kMethodNotAllowed, 405, "invalid_request_error", "method_not_allowed"},
    {kConflict, 409, "invalid_request_error", "conflict"},
    {kPayloadTooLarge, 413, "invalid_request_error", "payload_too_large"},
    {kHeaderTooLarge, 431, "invalid_request_error", "header_too_large"},
    {kUnsupportedMedia, 415, "invalid_request_error", "unsupported_media_type"},
    {kOverloaded, 503, "server_error", "overloaded"},
    {kRateLimited, 429, "rate_limit_error", "rate_limit_exceeded"},
    {kInsufficientMemory, 507, "server_error", "insufficient_memory"},
    {kModelLoadFailed, 500, "server_error", "model_load_failed"},
    {kBackendCrashed, 502, "server_error", "backend_crashed"},
    {kBackendError, 502, "server_error", "upstream_error"},
    {kStreamCut, 502, "server_error", "stream_cut"},
    {kTimeout, 504, "server_error", "timeout"},
    {kCancelled, 499, "invalid_request_error", "cancelled"},
    {kShuttingDown, 503, "server_error", "shutting_down"},
    {kUnavailable, 502, "server_error", "unavailable"},
    {kIo, 500, "server_error", "io_error"},
    {kInternal, 500, "server_error", "internal_error"},
}};
static_assert(common::covers_every_code(kRows), "every ErrorCode needs its row, in order");

}  // namespace

ErrorAnswer error(const Error& error, std::string_view /*request_id*/) {
  const Row& row = kRows.at(static_cast<std::size_t>(error.code));
  std::string_view param = error.param;
  if (param.empty() && error.code == kModelNotFound) param = "model";
  json::Writer w;
  w.begin_object().key("error").begin_object().field("message", error.message).field("type", row.type).key("param");
  if (param.empty())
    w.null();
  else
    w.value(param);
  w.field("code", row.name).end_object().end_object();
  return {.status = row.status, .body = std::move(w).take()};
}

std::string_view error_name(ErrorCode code) { return kRows.at(static_cast<std::size_t>(code)).name; }

Frame error_frame(const Error& failure) { return {.event = {}, .data = error(failure).body}; }

}  // namespace hearth::dialect::openai
