#include <array>

#include "dialect/common/error_table.hpp"
#include "dialect/ollama/ollama.hpp"
#include "dialect/ollama/render.hpp"

namespace hearth::dialect::ollama {
namespace {

struct Row {
  ErrorCode code;
  int status;
};
using enum ErrorCode;
constexpr std::array<Row, base::kErrorCodeCount> kRows{{
    {kInvalidRequest, 400},
    {kUnsupported, 400},
    {kContextLength, 400},
    {kUnauthorized, 401},
    {kForbidden, 403},
    {kHostNotAllowed, 421},
    {kModelNotFound, 404},
    {kNotFound, 404},
    {kMethodNotAllowed, 405},
    {kConflict, 409},
    {kPayloadTooLarge, 413},
    {kHeaderTooLarge, 431},
    {kUnsupportedMedia, 415},
    {kOverloaded, 503},
    {kRateLimited, 429},
    {kInsufficientMemory, 500},
    {kModelLoadFailed, 500},
    {kBackendCrashed, 500},
    {kBackendError, 500},
    {kStreamCut, 500},
    {kTimeout, 504},
    {kCancelled, 499},
    {kShuttingDown, 503},
    {kUnavailable, 502},
    {kIo, 500},
    {kInternal, 500},
}};
static_assert(common::covers_every_code(kRows), "every ErrorCode needs its row, in order");

}  // namespace

ErrorAnswer error(const Error& error, std::string_view /*request_id*/) {
  json::Writer w;
  w.begin_object().field("error", error.message).end_object();
  return {.status = kRows.at(static_cast<std::size_t>(error.code)).status, .body = std::move(w).take()};
}

Frame error_frame(const Error& failure) { return {.event = {}, .data = error(failure).body}; }

}  // namespace hearth::dialect::ollama
