#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "base/files.hpp"
#include "base/strings.hpp"

namespace hearth::base {
namespace {

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool ok() const { return fd_ >= 0; }

 private:
  int fd_;
};

std::unexpected<Error> io_error(std::string_view what, const std::filesystem::path& path, int error) {
  return fail(ErrorCode::kIo, fmt::format("{} {}: {}", what, path.string(), errno_text(error)));
}

}  // namespace

std::string errno_text(int error) { return std::generic_category().message(error); }

Result<std::string> read_file(const std::filesystem::path& path, Bytes limit) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.ok()) return io_error("cannot read", path, errno);
  std::string out;
  if (struct stat found{}; ::fstat(fd.get(), &found) == 0 && found.st_size > 0)
    out.reserve(std::min(static_cast<std::size_t>(found.st_size), limit.count));
  char buffer[65536];
  while (true) {
    const auto n = ::read(fd.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io_error("cannot read", path, errno);
    if (n == 0) return out;
    out.append(buffer, static_cast<std::size_t>(n));
    if (out.size() > limit.count)
      return fail(ErrorCode::kPayloadTooLarge,
                  fmt::format("cannot read {}: larger than {}", path.string(), human(limit)));
  }
}

namespace {

enum class Wait { kForDisk, kNot };

constexpr mode_t kPublic = 0644;
constexpr mode_t kPrivate = 0600;

using Pieces = std::span<const std::string_view>;

int lock(const Fd& fd, int how) {
  int result = 0;
  do {
    result = ::flock(fd.get(), how);
  } while (result != 0 && errno == EINTR);
  return result;
}

// A new file beside `path`, locked, so that remove_abandoned leaves it alone. Where there are no locks, it always does.
Fd make_temp(const std::filesystem::path& path, mode_t mode, std::filesystem::path& temp) {
  while (true) {
    temp = path.parent_path() / fmt::format(".{}.{}.tmp", path.filename().string(), random_id(8));
    Fd fd(::open(temp.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
    struct stat made{};
    if (!fd.ok() || lock(fd, LOCK_EX) != 0 || ::fstat(fd.get(), &made) != 0 || made.st_nlink > 0) return fd;
  }  // somebody took it away before it was locked
}

Result<void> write_temp(const Fd& fd, const std::filesystem::path& temp, Pieces pieces, Wait wait) {
  for (std::string_view piece : pieces) {
    while (!piece.empty()) {
      const auto n = ::write(fd.get(), piece.data(), piece.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return io_error("cannot write", temp, errno);
      piece.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  if (wait == Wait::kForDisk && ::fsync(fd.get()) != 0) return io_error("cannot write", temp, errno);
  return {};
}

Result<void> replace(const std::filesystem::path& path, Pieces pieces, Wait wait, mode_t mode = kPublic) {
  std::error_code error;
  const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  std::filesystem::create_directories(folder, error);
  if (error) return fail(ErrorCode::kIo, fmt::format("cannot make folder {}: {}", folder.string(), error.message()));
  std::filesystem::path temp;
  const Fd fd = make_temp(folder / path.filename(), mode, temp);
  if (!fd.ok()) return io_error("cannot write", temp, errno);
  auto written = write_temp(fd, temp, pieces, wait);
  if (written && ::rename(temp.c_str(), path.c_str()) != 0) written = io_error("cannot write", path, errno);
  if (!written) {
    ::unlink(temp.c_str());
    return written;
  }
  return wait == Wait::kForDisk ? sync_folder(folder) : Result<void>{};
}

}  // namespace

Result<void> write_file_atomically(const std::filesystem::path& path, std::string_view content) {
  return replace(path, std::span(&content, 1), Wait::kForDisk);
}
Result<void> write_private_file(const std::filesystem::path& path, std::string_view content) {
  return replace(path, std::span(&content, 1), Wait::kForDisk, kPrivate);
}
Result<void> write_private_file(const std::filesystem::path& path, std::span<const std::string_view> pieces) {
  return replace(path, pieces, Wait::kForDisk, kPrivate);
}
Result<void> replace_file(const std::filesystem::path& path, std::string_view content) {
  return replace(path, std::span(&content, 1), Wait::kNot);
}

bool remove_abandoned(const std::filesystem::path& temp) {
  const Fd fd(::open(temp.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  return fd.ok() && lock(fd, LOCK_EX | LOCK_NB) == 0 && ::unlink(temp.c_str()) == 0;
}

Result<void> sync_file(const std::filesystem::path& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.ok() || ::fdatasync(file.get()) != 0) return io_error("cannot write", path, errno);
  return {};
}

Result<void> sync_folder(const std::filesystem::path& folder) {
  const Fd dir(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!dir.ok() || ::fsync(dir.get()) != 0) return io_error("cannot sync folder", folder, errno);
  return {};
}

WallTime modified_time(const std::filesystem::path& path) {
  std::error_code error;
  const auto time = std::filesystem::last_write_time(path, error);
  if (error) return {};
  return std::chrono::time_point_cast<WallTime::duration>(std::chrono::file_clock::to_sys(time));
}

std::filesystem::path home_folder() {
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') return home;
  if (const passwd* entry = ::getpwuid(::getuid()); entry != nullptr) return entry->pw_dir;
  return "/";
}

std::filesystem::path expand_user(std::string_view path) {
  if (path == "~") return home_folder();
  if (path.starts_with("~/")) return home_folder() / path.substr(2);
  return path;
}

std::string env_or(const char* name, std::string_view fallback) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? std::string(value) : std::string(fallback);
}

}  // namespace hearth::base
