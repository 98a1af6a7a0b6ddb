#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"

namespace hearth::store::provision {

// Signatures of requests to S3 and what speaks like it. Pure functions. Source: "Signature Version 4" in the reference
// of Amazon S3: paths are escaped once and never normalised.

struct S3Credentials {
  std::string access_key{};
  std::string secret_key{};
  std::string session_token{};  // of temporary ones; may be empty
  // Nobody in particular: requests go unsigned.
  [[nodiscard]] bool anonymous() const { return access_key.empty() || secret_key.empty(); }
};

using S3Pairs = std::vector<std::pair<std::string, std::string>>;

// A request as far as it is signed.
struct S3Request {
  std::string method = "GET";
  std::string host;      // as the Host header has it
  std::string path;      // escaped, "/" at least
  S3Pairs query{};       // not escaped
  S3Pairs headers{};     // further ones, names in lower case
  std::string region{};  // that the signature is for
  base::WallTime time{};
};

inline constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";

// "a=1&b=%2F", in the order that signatures want.
[[nodiscard]] std::string query_text(const S3Pairs& query);

// All header lines to send but Host: the request's own, the date, the payload's digest (hex SHA-256, or
// kUnsignedPayload), and the signature of all of them. Without credentials: the request's own.
[[nodiscard]] std::vector<std::string> signed_headers(const S3Request& request, std::string_view payload_sha256,
                                                      const S3Credentials& credentials);

// The query of an address that is good without any header, for `expires` from request.time on (a week at most).
// Without credentials: the request's own.
[[nodiscard]] std::string presigned_query(const S3Request& request, std::chrono::seconds expires,
                                          const S3Credentials& credentials);

[[nodiscard]] std::string sha256_hex(std::string_view bytes);

}  // namespace hearth::store::provision
