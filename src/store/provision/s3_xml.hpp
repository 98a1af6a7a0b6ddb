#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace hearth::store::provision {

// The XML that S3 speaks. Namespaces and what hearth does not need are passed over.

struct S3Object {
  std::string key;
  std::uint64_t size = 0;  // bytes
  std::string etag{};
  friend bool operator==(const S3Object&, const S3Object&) = default;
};

// One page of a listing (ListObjectsV2).
struct S3Listing {
  std::vector<S3Object> objects;
  std::string next;  // token of the next page; empty = this is the last one

  // kBackendError: not a listing.
  [[nodiscard]] static Result<S3Listing> parse(std::string_view text);
};

// A refusal.
struct S3Failure {
  std::string code;  // "NoSuchBucket"
  std::string message;
  std::string region;  // that would have been right
  [[nodiscard]] static std::optional<S3Failure> parse(std::string_view text);
};

// The id of an upload in parts that has begun; empty if `text` has none.
[[nodiscard]] std::string parse_upload_id(std::string_view text);
// What ends it: the ETags of its parts, in order.
[[nodiscard]] std::string completion_xml(const std::vector<std::string>& etags);

}  // namespace hearth::store::provision
