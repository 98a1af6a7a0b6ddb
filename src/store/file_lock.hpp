#pragma once

#include <filesystem>
#include <utility>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace hearth::store {

// An advisory lock between processes (flock) that ends with its holder, also by kill -9. The file stays, and has the
// holder's process id in it for messages; without a holder that says nothing.
class FileLock {
 public:
  // Waits some seconds for the holder; the folder is made if absent. kIo and kConflict name the
  // file, kConflict also the holder ("process 1234").
  [[nodiscard]] static Result<FileLock> take(const std::filesystem::path& file);
  // kConflict at once if another process holds it.
  [[nodiscard]] static Result<FileLock> try_take(const std::filesystem::path& file);
  FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileLock& operator=(FileLock&&) = delete;
  ~FileLock();

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  [[nodiscard]] static Result<FileLock> open(const std::filesystem::path& file, base::Deadline deadline);
  int fd_;
};

}  // namespace hearth::store
