#include "http/service.hpp"

#include <fmt/format.h>

namespace hearth::http {

namespace {

// The texts are our own; only what JSON demands is escaped.
std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      out += fmt::format("\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace

Response Service::refuse(const RequestHead&, const Error& error) const {
  Response response;
  response.status = base::traits(error.code).http_status;
  response.headers.set("Content-Type", "application/json");
  if (error.retry_after) response.headers.set("Retry-After", std::to_string(error.retry_after->count()));
  response.body = "{\"error\":" + json_string(error.message) + "}";
  return response;
}

}  // namespace hearth::http
