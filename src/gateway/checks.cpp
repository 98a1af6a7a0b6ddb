// What stands before every route: Host, CORS, key.
#include <algorithm>
#include <fmt/format.h>
#include <string_view>

#include "base/strings.hpp"
#include "gateway/gateway.hpp"

namespace hearth::gateway {
namespace {

// "host", "host:port", "[::1]:port" -> the host.
std::string_view host_part(std::string_view value) {
  if (value.starts_with('[')) {
    const auto end = value.find(']');
    return end == std::string_view::npos ? value : value.substr(0, end + 1);
  }
  return value.substr(0, value.find(':'));
}

bool is_ip_literal(std::string_view host) {
  if (host.starts_with('[')) return true;
  return !host.empty() && std::ranges::all_of(host, [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
}

// Without telling by its time how much of the key was right.
bool equal_in_constant_time(std::string_view a, std::string_view b) {
  unsigned char difference = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < a.size(); ++i)
    difference = static_cast<unsigned char>(difference | (a[i] ^ b[b.empty() ? 0 : i % b.size()]));
  return difference == 0;
}

bool is_public(const http::RequestHead& head) {
  return head.path == "/health" || head.path == "/ready" || head.path == "/";
}

}  // namespace

std::optional<Error> Gateway::check(const http::RequestHead& head) const {
  if (!host_allowed(head))
    return Error{.code = ErrorCode::kHostNotAllowed,
                 .message = fmt::format(
                     "Host '{}' is not one of this server's names; allow it with: hearth serve --allowed-host NAME",
                     base::to_valid_utf8(head.headers.get("host").value_or("").substr(0, 100)))};
  if (!origin_allowed(head))
    return Error{
        .code = ErrorCode::kForbidden,
        .message =
            "web pages of this origin may not call this server; allow it with: hearth serve --cors-origin ORIGIN"};
  const bool preflight = head.method == http::Method::kOptions && head.headers.get("access-control-request-method");
  if (!preflight && !is_public(head) && !key_valid(head))
    return Error{.code = ErrorCode::kUnauthorized,
                 .message = head.headers.get("authorization") || head.headers.get("x-api-key")
                                ? "this API key is not known"
                                : "this server asks for an API key: send it as 'Authorization: Bearer KEY'"};
  if (const auto encoding = head.headers.get("content-encoding");
      encoding && !base::equals_ignore_case(*encoding, "identity"))
    return Error{.code = ErrorCode::kUnsupportedMedia,
                 .message = fmt::format("bodies are not taken as '{}'; send them without a Content-Encoding",
                                        base::to_valid_utf8(encoding->substr(0, 100)))};
  return std::nullopt;
}

bool Gateway::host_allowed(const http::RequestHead& head) const {
  if (head.peer == "unix") return true;
  const auto value = head.headers.get("host");
  if (!value) return head.version == 10;  // HTTP/1.0 need not send one
  const std::string_view host = host_part(*value);
  if (options_.any_ip_host && is_ip_literal(host)) return true;
  return std::ranges::any_of(options_.allowed_hosts, [&](const auto& a) { return base::equals_ignore_case(a, host); });
}

// A page elsewhere must not act here with the visitor's reach: what changes or costs something asks for a listed or our
// own origin.
bool Gateway::origin_allowed(const http::RequestHead& head) const {
  const auto origin = head.headers.get("origin");
  using http::Method;
  if (!origin || head.method == Method::kGet || head.method == Method::kHead || head.method == Method::kOptions)
    return true;
  const auto scheme = origin->find("://");
  if (scheme != std::string_view::npos && origin->substr(scheme + 3) == head.headers.get("host").value_or(""))
    return true;
  return std::ranges::any_of(options_.cors_origins, [&](const std::string& o) { return o == "*" || o == *origin; });
}

bool Gateway::key_valid(const http::RequestHead& head) const {
  if (options_.api_keys.empty()) return true;
  std::string_view given = head.headers.get("x-api-key").value_or("");
  if (const auto value = head.headers.get("authorization"); value && base::starts_with_ignore_case(*value, "bearer "))
    given = base::trim(value->substr(7));
  if (given.empty()) return false;
  bool valid = false;
  for (const auto& key : options_.api_keys) valid = equal_in_constant_time(given, key) || valid;
  return valid;
}

void Gateway::add_cors(const http::RequestHead& head, http::Headers& headers) const {
  const auto origin = head.headers.get("origin");
  if (!origin || options_.cors_origins.empty()) return;
  const auto allowed = [&](const std::string& o) { return o == "*" || o == *origin; };
  headers.set("vary", "origin");
  if (std::ranges::none_of(options_.cors_origins, allowed)) return;
  headers.set("access-control-allow-origin", *origin);
  headers.set("access-control-expose-headers",
              "x-request-id, hearth-model, hearth-served-by, hearth-device, hearth-queue-ms, "
              "hearth-ignored-parameters, server-timing");
  if (head.method != http::Method::kOptions) return;
  headers.set("access-control-allow-methods", "GET, POST, DELETE, HEAD, OPTIONS");
  headers.set("access-control-allow-headers", head.headers.get("access-control-request-headers").value_or("*"));
  headers.set("access-control-max-age", "600");
}

}  // namespace hearth::gateway
