#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace hearth::store {

// What tells, without a look inside, whether a file or folder is still what it was. Times in nanoseconds since 1970.
struct FileStamp {
  enum class Kind : std::uint8_t { kFile, kFolder, kOther };
  Kind kind = Kind::kOther;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;  // bytes
  std::int64_t modified = 0;
  std::int64_t changed = 0;  // by the file system's own clock; nobody can set it back
  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

// Links are followed; nothing if there is nothing, or nothing that may be looked at.
[[nodiscard]] std::optional<FileStamp> stamp_of(const std::string& path);

// Whether a change after this moment is sure to give another stamp: file systems count time in steps, up to 2 s.
[[nodiscard]] bool is_settled(const FileStamp& stamp);

}  // namespace hearth::store
