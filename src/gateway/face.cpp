#include "gateway/face.hpp"

#include "dialect/anthropic/anthropic.hpp"
#include "dialect/native/native.hpp"
#include "dialect/ollama/ollama.hpp"
#include "dialect/openai/openai.hpp"
#include "dialect/tei/tei.hpp"

namespace hearth::gateway {
namespace {

dialect::ErrorAnswer native_error(const Error& error, std::string_view) {
  return {.status = base::traits(error.code).http_status, .body = dialect::native::write_error(error)};
}

}  // namespace

const Face kOpenAi{.name = "openai", .error = dialect::openai::error};
const Face kOllama{.name = "ollama", .error = dialect::ollama::error};
const Face kAnthropic{.name = "anthropic", .error = dialect::anthropic::error};
const Face kTei{.name = "tei", .error = dialect::tei::error};
const Face kNative{.name = "native", .error = native_error};

const Face& face_of(const http::RequestHead& head) {
  const std::string_view path = head.path;
  if (path.starts_with("/hearth/")) return kNative;
  if (path.starts_with("/v1/messages")) return kAnthropic;
  if (path.starts_with("/v1/models") && head.headers.get("anthropic-version")) return kAnthropic;
  if (path.starts_with("/api/") || path == "/") return kOllama;
  if (path == "/embed" || path == "/predict" || path == "/info") return kTei;
  return kOpenAi;
}

http::Response error_response(const Face& face, const Error& error, std::string_view request_id) {
  auto answer = face.error(error, request_id);
  http::Response response = json_response(std::move(answer.body), answer.status);
  if (error.retry_after) response.headers.set("retry-after", std::to_string(error.retry_after->count()));
  return response;
}

http::Response json_response(std::string body, int status) {
  http::Response response;
  response.status = status;
  response.headers.set("content-type", "application/json; charset=utf-8");
  response.body = std::move(body);
  return response;
}

}  // namespace hearth::gateway
