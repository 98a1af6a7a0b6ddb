#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "base/log.hpp"
#include "base/result.hpp"
#include "engine/core/token_model.hpp"

namespace hearth::engine::llama {

enum class Embeddings {
  kAuto,   // encoders and models with a pooling type embed only; other models generate and embed
  kOnly,   // treat a generating model as an embedding model
  kNever,  // no embeddings
};

struct LlamaOptions {
  std::string path;                 // a GGUF file; of a split model the first file
  std::string name;                 // as shown; empty = the file's own name of the model
  std::int32_t context_tokens = 0;  // per conversation; 0 = what the model was trained with, at most 8192
  std::int32_t parallel = 4;        // conversations that run at once
  std::int32_t batch_tokens = 512;  // of one decode
  std::int32_t threads = 0;         // 0 = the cores this process may use
  std::int32_t gpu_layers = -1;     // -1 = all that fit a GPU, if there is one; 0 = CPU only
  Embeddings embeddings = Embeddings::kAuto;
  std::function<void(float)> progress;  // 0..1; called on the loading thread
  std::stop_token stop;                 // ends the load with kCancelled
};

// Loads a GGUF file through llama.cpp. REQUIRES: `log` outlives the model.
// Check the file's structure first (store/gguf_check.hpp): llama.cpp aborts the process on some broken files.
// kModelLoadFailed: not loadable; the message has llama.cpp's reason. kUnsupported: a kind of model that cannot be
// served. llama.cpp's log is process-wide: with several models loaded, its lines go to the log of the one loaded last.
[[nodiscard]] Result<std::unique_ptr<core::TokenModel>> load_llama_model(LlamaOptions options, base::Log& log);

}  // namespace hearth::engine::llama
