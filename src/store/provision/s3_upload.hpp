#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>

#include "base/result.hpp"
#include "store/fetch/digest.hpp"
#include "store/provision/s3_client.hpp"

namespace hearth::store::provision {

// A file to upload, and the object that it becomes.
struct S3Upload {
  std::filesystem::path path;
  std::string key;
  std::uint64_t size = 0;  // bytes
  fetch::Digest digest;    // SHA-256 of the content
};

struct S3UploadOptions {
  int connections = 4;                  // parts that go out at once
  std::uint64_t part_bytes = 16 << 20;  // at least 5 MiB; larger where there would be too many
  // On the calling thread, a few times a second: bytes that have gone out, and the last failure that is tried again.
  std::function<void(std::uint64_t sent, const std::string& trouble)> on_progress{};
  std::stop_token stop{};
};

// Uploads one file: in one request, or in parts side by side. Each request's signature covers the digest of what it
// carries, so that the server refuses what was damaged on the way. The object is there when all of it is; after a
// failure or a stop nothing of it is left. Memory: a few buffers per connection. Errors: as S3Client::ask; kConflict:
// the file has changed meanwhile; kIo, kCancelled.
[[nodiscard]] Result<void> upload_to_s3(const S3Client& client, const S3Address& to, const S3Upload& file,
                                        const S3UploadOptions& options);

}  // namespace hearth::store::provision
