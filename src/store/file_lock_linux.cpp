#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <system_error>
#include <unistd.h>

#include "base/files.hpp"
#include "store/file_lock.hpp"

namespace hearth::store {

Result<FileLock> FileLock::open(const std::filesystem::path& file, int operation) {
  std::error_code error;
  std::filesystem::create_directories(file.parent_path(), error);
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0)
    return fail(ErrorCode::kIo, fmt::format("cannot open lock {}: {}", file.string(), base::errno_text(errno)));
  FileLock lock(fd);
  while (::flock(fd, operation) != 0) {
    if (errno == EINTR) continue;
    if (errno == EWOULDBLOCK)
      return fail(ErrorCode::kConflict, fmt::format("{} is held by another process", file.string()));
    return fail(ErrorCode::kIo, fmt::format("cannot lock {}: {}", file.string(), base::errno_text(errno)));
  }
  return lock;
}

Result<FileLock> FileLock::take(const std::filesystem::path& file) { return open(file, LOCK_EX); }
Result<FileLock> FileLock::try_take(const std::filesystem::path& file) { return open(file, LOCK_EX | LOCK_NB); }

FileLock::~FileLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace hearth::store
