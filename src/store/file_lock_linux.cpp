#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <system_error>
#include <thread>
#include <unistd.h>

#include "base/files.hpp"
#include "base/strings.hpp"
#include "store/file_lock.hpp"

namespace hearth::store {

namespace {
constexpr std::chrono::seconds kPatience{5};
constexpr std::chrono::milliseconds kPause{5};
constexpr std::size_t kOwnerMax = 32;  // bytes

// Whoever cannot write its id, on a full disk, holds the lock all the same.
void sign(int fd) {
  const std::string owner = fmt::format("{}\n", ::getpid());
  if (::ftruncate(fd, 0) == 0) (void)!::pwrite(fd, owner.data(), owner.size(), 0);
}

// "process 1234". Nothing is there for a moment, between a holder's lock and its signature.
std::string holder_of(int fd) {
  std::string text(kOwnerMax, '\0');
  const auto got = ::pread(fd, text.data(), text.size(), 0);
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  const auto id = text.ends_with('\n') ? base::parse_int(base::trim(text)) : std::nullopt;
  return id && *id > 0 ? fmt::format("process {}", *id) : "another process";
}

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
        return fail(ErrorCode::kConflict, fmt::format("{} is held by {}", file.string(), holder_of(fd)));
      std::this_thread::sleep_for(kPause);
      continue;
    }
    return fail(ErrorCode::kIo, fmt::format("cannot lock {}: {}", file.string(), base::errno_text(errno)));
  }
  sign(fd);
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
