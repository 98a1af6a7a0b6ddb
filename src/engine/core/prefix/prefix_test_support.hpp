#pragma once

#include <filesystem>
#include <mutex>
#include <string>
#include <unistd.h>
#include <vector>

#include "base/log.hpp"
#include "engine/core/prefix/saved_sequence.hpp"

namespace hearth::engine::core::test_support {

// A path for a folder, not made yet, that ends with the test.
class Folder {
 public:
  Folder()
      : path_(std::filesystem::temp_directory_path() /
              ("hearth-prefix-" + std::to_string(::getpid()) + "-" + std::to_string(++made_))) {}
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::size_t files() const {
    std::size_t out = 0;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) out += entry.is_regular_file() ? 1 : 0;
    return out;
  }

 private:
  inline static int made_ = 0;
  std::filesystem::path path_;
};

// Keeps the lines of a log.
class LinesLog final : public base::Log {
 public:
  [[nodiscard]] bool enabled(base::LogLevel) const override { return true; }
  void write(base::LogLevel, std::string_view line) override {
    const std::scoped_lock lock(mutex_);
    lines_.emplace_back(line);
  }
  [[nodiscard]] std::vector<std::string> lines() const {
    const std::scoped_lock lock(mutex_);
    return lines_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

// `count` tokens that begin with `first`, and a state of `bytes`.
inline SavedSequence sequence(domain::Token first, std::size_t count, std::size_t bytes,
                              std::vector<Position> checkpoints = {}) {
  SavedSequence out{.tokens = domain::Tokens(count, 1), .state = std::string(bytes, 's'), .checkpoints = {}};
  out.tokens.front() = first;
  for (const Position length : checkpoints)
    out.checkpoints.push_back(
        {.length = length, .state = std::make_shared<const std::string>("checkpoint " + std::to_string(length))});
  return out;
}

}  // namespace hearth::engine::core::test_support
