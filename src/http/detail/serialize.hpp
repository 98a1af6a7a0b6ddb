#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/message.hpp"

namespace hearth::http::detail {

// How a body's end is marked.
enum class Framing { kNone, kLength, kChunked, kUntilClose };

struct ResponseFraming {
  Framing framing = Framing::kLength;
  std::uint64_t length = 0;  // with kLength
  int version = 11;          // of the request that is answered
  bool keep_alive = true;
};

// Status line and fields. The framing fields (Content-Length, Transfer-Encoding, Connection) are ours: those in `head`
// are replaced. Date is added where missing.
[[nodiscard]] std::string response_head_text(const ResponseHead& head, const ResponseFraming& framing);
// Request line and fields; Host and Content-Length are added where missing.
[[nodiscard]] std::string request_head_text(const Request& request, std::string_view host);
// "1a2b\r\n", the start of a chunk.
[[nodiscard]] std::string chunk_head(std::size_t size);
[[nodiscard]] std::string_view reason_phrase(int status);
// 1xx, 204 and 304 have no body.
[[nodiscard]] bool status_has_body(int status);

}  // namespace hearth::http::detail
