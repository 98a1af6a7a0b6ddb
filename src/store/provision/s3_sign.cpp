#include "store/provision/s3_sign.hpp"

#include <algorithm>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/strings.hpp"
#include "store/fetch/digest.hpp"
#include "store/fetch/url.hpp"

namespace hearth::store::provision {

namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

std::string hmac_sha256(std::string_view key, std::string_view text) {
  unsigned char raw[EVP_MAX_MD_SIZE];
  unsigned int count = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()),
       text.size(), raw, &count);
  return {reinterpret_cast<const char*>(raw), count};
}

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

std::string timestamp(base::WallTime time) {
  return fmt::format("{:%Y%m%dT%H%M%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

// "20130524/us-east-1/s3/aws4_request"
std::string scope_of(const S3Request& request) {
  return fmt::format("{}/{}/s3/aws4_request", timestamp(request.time).substr(0, 8), request.region);
}

// The headers that are signed, by name.
S3Pairs with_host(const S3Request& request) {
  S3Pairs out = request.headers;
  out.emplace_back("host", request.host);
  std::ranges::sort(out);
  return out;
}

std::string names_of(const S3Pairs& headers) {
  std::string out;
  for (const auto& [name, value] : headers) out += (out.empty() ? "" : ";") + name;
  return out;
}

std::string signature(const S3Request& request, const S3Pairs& headers, std::string_view payload_sha256,
                      std::string_view secret_key) {
  std::string canonical = fmt::format("{}\n{}\n{}\n", request.method, request.path, query_text(request.query));
  for (const auto& [name, value] : headers) canonical += fmt::format("{}:{}\n", name, base::trim(value));
  canonical += fmt::format("\n{}\n{}", names_of(headers), payload_sha256);
  const std::string to_sign =
      fmt::format("{}\n{}\n{}\n{}", kAlgorithm, timestamp(request.time), scope_of(request), sha256_hex(canonical));
  std::string key = fmt::format("AWS4{}", secret_key);
  for (const auto part : base::split(scope_of(request), '/')) key = hmac_sha256(key, part);
  return hex(hmac_sha256(key, to_sign));
}

}  // namespace

std::string sha256_hex(std::string_view bytes) {
  fetch::Hasher hasher(fetch::Digest::Kind::kSha256, bytes.size());
  hasher.add(bytes);
  return hasher.finish().hex;
}

std::string query_text(const S3Pairs& query) {
  S3Pairs escaped;
  for (const auto& [name, value] : query) escaped.emplace_back(fetch::escape(name), fetch::escape(value));
  std::ranges::sort(escaped);
  std::string out;
  for (const auto& [name, value] : escaped) out += fmt::format("{}{}={}", out.empty() ? "" : "&", name, value);
  return out;
}

std::vector<std::string> signed_headers(const S3Request& request, std::string_view payload_sha256,
                                        const S3Credentials& credentials) {
  S3Request full = request;
  std::vector<std::string> out;
  if (!credentials.anonymous()) {
    full.headers.emplace_back("x-amz-content-sha256", payload_sha256);
    full.headers.emplace_back("x-amz-date", timestamp(request.time));
    if (!credentials.session_token.empty())
      full.headers.emplace_back("x-amz-security-token", credentials.session_token);
    const auto headers = with_host(full);
    out.push_back(fmt::format("authorization: {} Credential={}/{},SignedHeaders={},Signature={}", kAlgorithm,
                              credentials.access_key, scope_of(full), names_of(headers),
                              signature(full, headers, payload_sha256, credentials.secret_key)));
  }
  for (const auto& [name, value] : full.headers) out.push_back(fmt::format("{}: {}", name, value));
  return out;
}

std::string presigned_query(const S3Request& request, std::chrono::seconds expires, const S3Credentials& credentials) {
  if (credentials.anonymous()) return query_text(request.query);
  S3Request full = request;
  const auto headers = with_host(request);
  full.query.emplace_back("X-Amz-Algorithm", kAlgorithm);
  full.query.emplace_back("X-Amz-Credential", fmt::format("{}/{}", credentials.access_key, scope_of(request)));
  full.query.emplace_back("X-Amz-Date", timestamp(request.time));
  full.query.emplace_back("X-Amz-Expires", fmt::format("{}", expires.count()));
  if (!credentials.session_token.empty()) full.query.emplace_back("X-Amz-Security-Token", credentials.session_token);
  full.query.emplace_back("X-Amz-SignedHeaders", names_of(headers));
  const std::string proof = signature(full, headers, kUnsignedPayload, credentials.secret_key);
  return fmt::format("{}&X-Amz-Signature={}", query_text(full.query), proof);
}

}  // namespace hearth::store::provision
