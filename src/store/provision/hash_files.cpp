#include "store/provision/hash_files.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <fstream>
#include <vector>

namespace hearth::store::provision {

namespace {

constexpr std::size_t kBufferBytes = 256 << 10;

// Adds up to `size` bytes from where `file` stands; gives how many there were.
Result<std::uint64_t> add(std::ifstream& file, const std::filesystem::path& path, std::uint64_t size,
                          fetch::Hasher& hasher, const std::stop_token& stop,
                          const std::function<void(std::uint64_t)>& on_bytes) {
  std::vector<char> buffer(kBufferBytes);
  std::uint64_t done = 0;
  while (file && done < size) {
    if (stop.stop_requested()) return fail(ErrorCode::kCancelled, fmt::format("{}: stopped", path.string()));
    file.read(buffer.data(), static_cast<std::streamsize>(std::min<std::uint64_t>(buffer.size(), size - done)));
    hasher.add({buffer.data(), static_cast<std::size_t>(file.gcount())});
    done += static_cast<std::uint64_t>(file.gcount());
    if (on_bytes) on_bytes(done);
  }
  if (file.bad()) return fail(ErrorCode::kIo, fmt::format("cannot read {}", path.string()));
  return done;
}

}  // namespace

Result<fetch::Digest> hash_file(const std::filesystem::path& path, fetch::Digest::Kind kind, std::stop_token stop,
                                const std::function<void(std::uint64_t)>& on_bytes) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  std::ifstream file(path, std::ios::binary);
  if (error || !file) return fail(ErrorCode::kIo, fmt::format("cannot read {}", path.string()));
  fetch::Hasher hasher(kind, size);
  HEARTH_TRY(const auto done, add(file, path, UINT64_MAX, hasher, stop, on_bytes));
  (void)done;
  return hasher.finish();
}

Result<fetch::Digest> hash_part(const std::filesystem::path& path, std::uint64_t offset, std::uint64_t size,
                                std::stop_token stop) {
  std::ifstream file(path, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(offset));
  if (!file) return fail(ErrorCode::kIo, fmt::format("cannot read {}", path.string()));
  fetch::Hasher hasher(fetch::Digest::Kind::kSha256, size);
  HEARTH_TRY(const auto done, add(file, path, size, hasher, stop, {}));
  if (done < size) return fail(ErrorCode::kIo, fmt::format("{} has become shorter", path.string()));
  return hasher.finish();
}

}  // namespace hearth::store::provision
