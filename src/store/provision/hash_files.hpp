#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>

#include "base/result.hpp"
#include "store/fetch/digest.hpp"

namespace hearth::store::provision {

// The digest of a file on disk; `on_bytes` hears how many are done. kIo, kCancelled.
[[nodiscard]] Result<fetch::Digest> hash_file(const std::filesystem::path& path, fetch::Digest::Kind kind,
                                              std::stop_token stop,
                                              const std::function<void(std::uint64_t)>& on_bytes = {});
// SHA-256 of a part of it. kIo (also if it is shorter), kCancelled.
[[nodiscard]] Result<fetch::Digest> hash_part(const std::filesystem::path& path, std::uint64_t offset,
                                              std::uint64_t size, std::stop_token stop);

}  // namespace hearth::store::provision
