#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "base/result.hpp"
#include "rt/task.hpp"

namespace hearth::sched {

struct QuantizerOptions {
  std::filesystem::path runner;  // hearth-runner
  std::filesystem::path log_folder;
  int threads = 0;  // 0 = all cores
  int nice = 0;
};

struct QuantizeWork {
  std::filesystem::path from;  // a GGUF file; of a split model the first
  std::filesystem::path to;    // is not there when it fails
  std::string type;            // "Q4_K_M"
};

// Runs llama.cpp's quantiser in a process of its own: a crash or a cancelled task is the end of that process and of
// nothing else. `on_progress` gets the bytes written so far, a few times a second. One event loop. kBackendError with
// the quantiser's last line.
class Quantizer {
 public:
  explicit Quantizer(QuantizerOptions options) : options_(std::move(options)) {}
  [[nodiscard]] rt::Task<Result<void>> run(QuantizeWork work,
                                           std::function<rt::Task<bool>(std::uint64_t)> on_progress) const;

 private:
  QuantizerOptions options_;
};

}  // namespace hearth::sched
