#include <array>

#include "dialect/common/error_table.hpp"
#include "dialect/tei/render.hpp"
#include "dialect/tei/tei.hpp"
#include "json/writer.hpp"

namespace hearth::dialect::tei {
namespace {

struct Row {
  ErrorCode code;
  int status;
  std::string_view type;
};
using enum ErrorCode;
constexpr std::array<Row, base::kErrorCodeCount> kRows{{
    {kInvalidRequest, 422, "Validation"},
    {kUnsupported, 424, "Backend"},  // "the model is no re-ranker" and the like
    {kContextLength, 422, "Validation"},
    {kUnauthorized, 401, "Validation"},
    {kForbidden, 403, "Validation"},
    {kHostNotAllowed, 421, "Validation"},
    {kModelNotFound, 404, "Validation"},
    {kNotFound, 404, "Validation"},
    {kMethodNotAllowed, 405, "Validation"},
    {kConflict, 409, "Validation"},
    {kPayloadTooLarge, 413, "Validation"},
    {kHeaderTooLarge, 431, "Validation"},
    {kUnsupportedMedia, 415, "Validation"},
    {kOverloaded, 429, "Overloaded"},
    {kRateLimited, 429, "Overloaded"},
    {kInsufficientMemory, 503, "Unhealthy"},
    {kModelLoadFailed, 424, "Backend"},
    {kBackendCrashed, 424, "Backend"},
    {kBackendError, 424, "Backend"},
    {kStreamCut, 424, "Backend"},
    {kTimeout, 504, "Backend"},
    {kCancelled, 499, "Backend"},
    {kShuttingDown, 503, "Unhealthy"},
    {kUnavailable, 503, "Unhealthy"},
    {kIo, 500, "Backend"},
    {kInternal, 500, "Backend"},
}};
static_assert(common::covers_every_code(kRows), "every ErrorCode needs its row, in order");
constexpr int kEmptyStatus = 400;

}  // namespace

ErrorAnswer error(const Error& error, std::string_view /*request_id*/) {
  const Row& row = kRows.at(static_cast<std::size_t>(error.code));
  const bool empty = error.code == kInvalidRequest && error.message.ends_with(kEmpty);
  json::Writer w;
  w.begin_object().field("error", error.message).field("error_type", empty ? "Empty" : row.type).end_object();
  return {.status = empty ? kEmptyStatus : row.status, .body = std::move(w).take()};
}

}  // namespace hearth::dialect::tei
