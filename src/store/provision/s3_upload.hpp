#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>

#include "base/result.hpp"
#include "store/provision/hash_files.hpp"
#include "store/provision/s3_client.hpp"

namespace hearth::store::provision {

// A file to upload, and the object that it becomes.
struct S3Upload {
  std::filesystem::path path;
  std::string key;
  FileDigests content;  // what is uploaded, or nothing; in the parts that it has
};

struct S3UploadOptions {
  int connections = 4;                           // parts that go out at once
  std::uint64_t part_bytes = 16 << 20;           // at least 5 MiB; larger where there would be too many
  std::chrono::milliseconds give_up_max{5'000};  // to remove the parts of an upload that has failed
  // On the calling thread, a few times a second: bytes that have gone out, and the last failure that is tried again.
  std::function<void(std::uint64_t sent, const std::string& trouble)> on_progress{};
  std::stop_token stop{};
};

// Bytes of each part but the last of a file of `size`; one that is not longer goes in one request.
[[nodiscard]] std::uint64_t part_bytes_of(std::uint64_t size, const S3UploadOptions& options);

// Uploads one file: in one request, or in parts side by side. Each request's signature covers the digest of what it
// carries, so that the server refuses what was damaged on the way; what has changed here since it was hashed is noticed
// before its end is sent. The object is there when all of it is, with the digest that it says. After a failure or a
// stop no part of it is left (unless the server does not take that request either, which is not waited for longer than
// give_up_max); where only the last answer was lost, all of it may be there. Memory: a few buffers per connection.
// Errors: as S3Client::ask; kConflict: the file has changed meanwhile; kIo, kCancelled.
[[nodiscard]] Result<void> upload_to_s3(const S3Client& client, const S3Address& to, const S3Upload& file,
                                        const S3UploadOptions& options);

}  // namespace hearth::store::provision
