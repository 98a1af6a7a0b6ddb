#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "domain/capabilities.hpp"
#include "domain/model_settings.hpp"

namespace hearth::domain {

// What is known of a model on disk, from its header: enough for every dialect's listing. Sizes in bytes.
struct ModelCard {
  std::string name;          // id as shown, "org/name" or "org/name:tag"
  std::string path;          // absolute
  std::string origin;        // "hearth", "registry", "bundled", or the program that it belongs to: "ollama", ...
  std::string format;        // "gguf"
  std::string architecture;  // "llama"
  std::string quantization;  // "Q8_0"
  std::string digest;        // 64 hex digits, stable for the same content
  std::uint64_t size_bytes = 0;
  std::uint64_t parameters = 0;
  std::int32_t context_tokens = 0;  // trained
  std::int32_t embedding_dimensions = 0;
  base::WallTime modified{};
  TaskSet tasks;
  std::string chat_template;
  std::string license;
  ModelSettings settings;
  // Header keys in file order, values as JSON text (long arrays as null).
  std::vector<std::pair<std::string, std::string>> metadata;
  struct Tensor {
    std::string name;
    std::string type;
    std::vector<std::uint64_t> shape;
  };
  std::vector<Tensor> tensors;
};

// A model that is loaded now.
struct LoadedModel {
  ModelCard card;
  std::string device;
  std::uint64_t memory_bytes = 0;
  std::int32_t context_tokens = 0;
  std::int32_t slots = 0;
  std::int32_t slots_busy = 0;
  std::optional<base::WallTime> expires_at;  // none = never
  std::string state;                         // "loading", "ready", "unloading"
};

}  // namespace hearth::domain
