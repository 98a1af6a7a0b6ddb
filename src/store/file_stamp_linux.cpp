#include <ctime>
#include <sys/stat.h>

#include "store/file_stamp.hpp"

namespace hearth::store {

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kSettling = 3 * kSecond;

std::int64_t nanoseconds(const timespec& time) { return time.tv_sec * kSecond + time.tv_nsec; }

}  // namespace

std::optional<FileStamp> stamp_of(const std::string& path) {
  struct stat found{};
  if (::stat(path.c_str(), &found) != 0) return std::nullopt;
  const bool folder = S_ISDIR(found.st_mode);
  const bool file = S_ISREG(found.st_mode);
  return FileStamp{.kind = folder ? FileStamp::Kind::kFolder
                           : file ? FileStamp::Kind::kFile
                                  : FileStamp::Kind::kOther,
                   .inode = found.st_ino,
                   .size = static_cast<std::uint64_t>(found.st_size),
                   .modified = nanoseconds(found.st_mtim),
                   .changed = nanoseconds(found.st_ctim)};
}

bool is_settled(const FileStamp& stamp) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return nanoseconds(now) - stamp.changed > kSettling;
}

}  // namespace hearth::store
