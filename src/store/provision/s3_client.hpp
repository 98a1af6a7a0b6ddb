#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "store/fetch/digest.hpp"
#include "store/fetch/send.hpp"
#include "store/provision/s3_address.hpp"
#include "store/provision/s3_options.hpp"

namespace hearth::store::provision {

// One request to a bucket.
struct S3Ask {
  std::string method = "GET";
  std::string key{};  // empty = the bucket itself
  S3Pairs query{};
  S3Pairs headers{};  // names in lower case
  fetch::Body body{};
  std::string body_sha256{};         // hex, of a body from a file, which must have it; that of a text is computed
  std::size_t answer_max = 1 << 20;  // bytes
  int attempts_max = 0;              // 0 = as everywhere
  std::chrono::seconds patience{};   // for an answer that takes its time; 0 = as everywhere
  std::function<void(std::uint64_t)> on_sent{};
  std::function<void(const std::string&)> on_trouble{};
  std::stop_token stop{};
};

// Amazon S3, or a server that speaks like it. Knows signatures, addresses and refusals. Blocks. Thread-safe.
class S3Client {
 public:
  S3Client(S3Options options, const base::Clock& clock) : options_(std::move(options)), clock_(clock) {}

  // The answer, which is a success. `about`: what the request is for, and its bucket. kNotFound: no such object;
  // kModelNotFound: no such bucket; kForbidden, kInvalidRequest, kBackendError, with the remedy; as fetch::send.
  [[nodiscard]] Result<fetch::Answer> ask(const S3Address& about, const S3Ask& request) const;

  // What is known of an object without reading it; nothing if there is none.
  struct Head {
    std::uint64_t size = 0;
    fetch::Digest digest{};  // as it was uploaded with, if it was
  };
  [[nodiscard]] Result<std::optional<Head>> head(const S3Address& about, const std::string& key,
                                                 std::stop_token stop) const;

  // An address that everybody may GET the object from, for as long as signatures hold.
  [[nodiscard]] std::string presigned(const S3Address& about, const std::string& key) const;

 private:
  struct Place {
    std::string origin;  // "https://host:port"
    std::string host;    // as the Host header has it
    std::string path;    // before the key: "", "/bucket"
  };
  [[nodiscard]] Place place_of(const std::string& bucket) const;
  [[nodiscard]] S3Request request_of(const Place& place, const S3Ask& ask) const;
  [[nodiscard]] Error refusal(const S3Address& about, const fetch::Answer& answer) const;

  S3Options options_;
  const base::Clock& clock_;
};

// Metadata of objects that hearth uploads: the hex SHA-256 of the content.
inline constexpr const char* kS3DigestHeader = "x-amz-meta-sha256";

}  // namespace hearth::store::provision
