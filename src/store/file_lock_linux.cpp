#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <system_error>
#include <thread>
#include <unistd.h>

#include "base/files.hpp"
#include "store/file_lock.hpp"

namespace hearth::store {

namespace {
constexpr std::chrono::seconds kPatience{5};
constexpr std::chrono::milliseconds kPause{5};
}  // namespace

Result<FileLock> FileLock::open(const std::filesystem::path& file, base::Deadline deadline) {
  std::error_code error;
  std::filesystem::create_directories(file.parent_path(), error);
  if (error)
    return fail(ErrorCode::kIo, fmt::format("cannot make folder {}: {}", file.parent_path().string(), error.message()));
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0)
    return fail(ErrorCode::kIo, fmt::format("cannot open lock {}: {}", file.string(), base::errno_text(errno)));
  FileLock lock(fd);
  while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno == EWOULDBLOCK) {
      if (deadline.passed(std::chrono::steady_clock::now()))
        return fail(ErrorCode::kConflict, fmt::format("{} is held by another process", file.string()));
      std::this_thread::sleep_for(kPause);
      continue;
    }
    return fail(ErrorCode::kIo, fmt::format("cannot lock {}: {}", file.string(), base::errno_text(errno)));
  }
  return lock;
}

Result<FileLock> FileLock::take(const std::filesystem::path& file) {
  return open(file, base::Deadline::after(kPatience));
}
Result<FileLock> FileLock::try_take(const std::filesystem::path& file) { return open(file, base::Deadline::after({})); }

FileLock::~FileLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace hearth::store
