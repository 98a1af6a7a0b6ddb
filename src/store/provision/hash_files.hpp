#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <vector>

#include "base/result.hpp"
#include "store/fetch/digest.hpp"

namespace hearth::store::provision {

// The digest of a file on disk; `on_bytes` hears how many are done. kIo, kCancelled.
[[nodiscard]] Result<fetch::Digest> hash_file(const std::filesystem::path& path, fetch::Digest::Kind kind,
                                              std::stop_token stop,
                                              const std::function<void(std::uint64_t)>& on_bytes = {});

// What one reading of a file has found. All of them are of the same bytes, whatever becomes of the file afterwards.
struct FileDigests {
  std::uint64_t size = 0;            // bytes
  std::uint64_t part_bytes = 0;      // of all parts but the last
  fetch::Digest sha256;              // of all of it
  fetch::Digest own;                 // of all of it, of the kind that was asked for
  std::vector<fetch::Digest> parts;  // SHA-256 of each; none of an empty file
};
// Of the first `size` bytes of a file. kIo (also if it is shorter), kCancelled.
[[nodiscard]] Result<FileDigests> hash_in_parts(const std::filesystem::path& path, std::uint64_t size,
                                                std::uint64_t part_bytes, fetch::Digest::Kind own, std::stop_token stop,
                                                const std::function<void(std::uint64_t)>& on_bytes = {});

}  // namespace hearth::store::provision
