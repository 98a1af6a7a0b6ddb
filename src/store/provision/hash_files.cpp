#include "store/provision/hash_files.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <fstream>
#include <optional>
#include <span>

namespace hearth::store::provision {

namespace {

constexpr std::size_t kBufferBytes = 256 << 10;

// Adds up to `size` bytes from where `file` stands; gives how many there were.
Result<std::uint64_t> add(std::ifstream& file, const std::filesystem::path& path, std::uint64_t size,
                          std::span<fetch::Hasher* const> hashers, const std::stop_token& stop,
                          const std::function<void(std::uint64_t)>& on_bytes) {
  std::vector<char> buffer(kBufferBytes);
  std::uint64_t done = 0;
  while (file && done < size) {
    if (stop.stop_requested()) return fail(ErrorCode::kCancelled, fmt::format("{}: stopped", path.string()));
    file.read(buffer.data(), static_cast<std::streamsize>(std::min<std::uint64_t>(buffer.size(), size - done)));
    for (auto* hasher : hashers) hasher->add({buffer.data(), static_cast<std::size_t>(file.gcount())});
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
  HEARTH_TRY(const auto done, add(file, path, UINT64_MAX, std::array{&hasher}, stop, on_bytes));
  (void)done;
  return hasher.finish();
}

Result<FileDigests> hash_in_parts(const std::filesystem::path& path, std::uint64_t size, std::uint64_t part_bytes,
                                  fetch::Digest::Kind own, std::stop_token stop,
                                  const std::function<void(std::uint64_t)>& on_bytes) {
  using Kind = fetch::Digest::Kind;
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(ErrorCode::kIo, fmt::format("cannot read {}", path.string()));
  fetch::Hasher whole(Kind::kSha256, size);
  std::optional<fetch::Hasher> other;
  if (own == Kind::kGitBlob) other.emplace(own, size);
  FileDigests out{.size = size, .part_bytes = part_bytes, .sha256 = {}, .own = {}, .parts = {}};
  for (std::uint64_t at = 0; at < size; at += part_bytes) {
    const auto wanted = std::min(part_bytes, size - at);
    fetch::Hasher part(Kind::kSha256, wanted);
    std::vector<fetch::Hasher*> hashers{&whole};
    if (other) hashers.push_back(&*other);
    if (size > part_bytes) hashers.push_back(&part);
    HEARTH_TRY(const auto done, add(file, path, wanted, hashers, stop, [&](std::uint64_t bytes) {
                 if (on_bytes) on_bytes(at + bytes);
               }));
    if (done < wanted) return fail(ErrorCode::kIo, fmt::format("{} has become shorter", path.string()));
    if (size > part_bytes) out.parts.push_back(part.finish());
  }
  out.sha256 = whole.finish();
  out.own = other ? other->finish() : out.sha256;
  if (size > 0 && size <= part_bytes) out.parts.push_back(out.sha256);
  return out;
}

}  // namespace hearth::store::provision
