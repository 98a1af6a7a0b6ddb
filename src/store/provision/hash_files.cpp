#include "store/provision/hash_files.hpp"

#include <fmt/format.h>
#include <fstream>
#include <vector>

namespace hearth::store::provision {

Result<fetch::Digest> hash_file(const std::filesystem::path& path, fetch::Digest::Kind kind, std::stop_token stop) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  std::ifstream file(path, std::ios::binary);
  if (error || !file) return fail(ErrorCode::kIo, fmt::format("cannot read {}", path.string()));
  fetch::Hasher hasher(kind, size);
  std::vector<char> buffer(1 << 20);
  while (file) {
    if (stop.stop_requested()) return fail(ErrorCode::kCancelled, fmt::format("{}: stopped", path.string()));
    file.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    hasher.add({buffer.data(), static_cast<std::size_t>(file.gcount())});
  }
  if (file.bad()) return fail(ErrorCode::kIo, fmt::format("cannot read {}", path.string()));
  return hasher.finish();
}

}  // namespace hearth::store::provision
