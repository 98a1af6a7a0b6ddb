#pragma once

#include <filesystem>
#include <string>

#include "base/log.hpp"
#include "base/result.hpp"

namespace hearth::engine::llama {

struct QuantizeOptions {
  std::filesystem::path from;  // a GGUF file; of a split model the first
  std::filesystem::path to;
  std::string type;             // "Q4_K_M", as store::find_quantization knows them
  int threads = 0;              // 0 = all cores
  bool from_quantized = false;  // weights that are quantised already lose more than those that are not
};

// Writes the model with its weights in another type. Takes minutes and cannot be stopped: run it in a process of its
// own. kInvalidRequest: no such type; kBackendError: what llama.cpp says.
[[nodiscard]] Result<void> quantize(const QuantizeOptions& options, base::Log& log);

}  // namespace hearth::engine::llama
