#include "http/detail/serialize.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <fmt/format.h>
#include <utility>

#include "base/strings.hpp"

namespace hearth::http::detail {

namespace {

constexpr std::array<std::pair<int, std::string_view>, 36> kReasons{{
    {100, "Continue"},
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {507, "Insufficient Storage"},
}};

bool is_framing_field(std::string_view name) {
  constexpr std::array<std::string_view, 4> kNames{"content-length", "transfer-encoding", "connection", "keep-alive"};
  return std::ranges::any_of(kNames, [&](std::string_view own) { return base::equals_ignore_case(name, own); });
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  out += value;
  out += "\r\n";
}

// IMF-fixdate (RFC 9110, section 5.6.7).
std::string http_date() {
  constexpr std::array<std::string_view, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", kDays.at(static_cast<std::size_t>(utc.tm_wday)),
                     utc.tm_mday, kMonths.at(static_cast<std::size_t>(utc.tm_mon)), utc.tm_year + 1900, utc.tm_hour,
                     utc.tm_min, utc.tm_sec);
}

void append_framing(std::string& out, const ResponseFraming& framing) {
  if (framing.framing == Framing::kLength) append_field(out, "Content-Length", std::to_string(framing.length));
  if (framing.framing == Framing::kChunked) append_field(out, "Transfer-Encoding", "chunked");
  if (!framing.keep_alive) {
    append_field(out, "Connection", "close");
  } else if (framing.version < 11) {
    append_field(out, "Connection", "keep-alive");
  }
}

}  // namespace

std::string response_head_text(const ResponseHead& head, const ResponseFraming& framing) {
  std::string out = fmt::format("HTTP/1.1 {} {}\r\n", head.status, reason_phrase(head.status));
  for (const auto& [name, value] : head.headers) {
    if (!is_framing_field(name)) append_field(out, name, value);
  }
  if (!head.headers.get("Date")) append_field(out, "Date", http_date());
  append_framing(out, framing);
  out += "\r\n";
  return out;
}

std::string request_head_text(const Request& request, std::string_view host) {
  const bool known = request.method != Method::kOther;
  std::string out =
      fmt::format("{} {} HTTP/1.1\r\n", known ? to_string(request.method) : request.method_text, request.target);
  if (!request.headers.get("Host")) append_field(out, "Host", host);
  for (const auto& [name, value] : request.headers) {
    if (!is_framing_field(name)) append_field(out, name, value);
  }
  const bool body_expected =
      request.method == Method::kPost || request.method == Method::kPut || request.method == Method::kPatch;
  if (body_expected || !request.body.empty()) append_field(out, "Content-Length", std::to_string(request.body.size()));
  out += "\r\n";
  return out;
}

std::string chunk_head(std::size_t size) { return fmt::format("{:x}\r\n", size); }

std::string_view reason_phrase(int status) {
  const auto* const found = std::ranges::find(kReasons, status, &std::pair<int, std::string_view>::first);
  return found != kReasons.end() ? found->second : "Status";
}

bool status_has_body(int status) { return status >= 200 && status != 204 && status != 304; }

}  // namespace hearth::http::detail
