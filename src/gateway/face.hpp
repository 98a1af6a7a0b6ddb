#pragma once

#include <string_view>

#include "dialect/dialect.hpp"
#include "http/message.hpp"

namespace hearth::gateway {

// How one dialect says an error. Every route belongs to exactly one; routes that do not exist go by their path.
struct Face {
  std::string_view name;
  dialect::ErrorAnswer (*error)(const Error& error, std::string_view request_id);
};
extern const Face kOpenAi;
extern const Face kOllama;
extern const Face kAnthropic;
extern const Face kTei;
extern const Face kNative;

[[nodiscard]] const Face& face_of(const http::RequestHead& head);

// A whole answer in the dialect's shape, with Retry-After where the error has one.
[[nodiscard]] http::Response error_response(const Face& face, const Error& error, std::string_view request_id);
[[nodiscard]] http::Response json_response(std::string body, int status = 200);

}  // namespace hearth::gateway
