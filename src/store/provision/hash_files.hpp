#pragma once

#include <filesystem>
#include <stop_token>

#include "base/result.hpp"
#include "store/fetch/digest.hpp"

namespace hearth::store::provision {

// The digest of a file on disk. kIo, kCancelled.
[[nodiscard]] Result<fetch::Digest> hash_file(const std::filesystem::path& path, fetch::Digest::Kind kind,
                                              std::stop_token stop);

}  // namespace hearth::store::provision
