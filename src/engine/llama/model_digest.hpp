#pragma once

#include <string>

namespace hearth::engine::llama {

// Tells the model in a GGUF file (of a split one: in all its files) from any other, without reading all of it: sizes
// and times of the files, their beginnings, where all settings are, and samples from all over the weights. Empty:
// unreadable.
[[nodiscard]] std::string model_digest(const std::string& path);

}  // namespace hearth::engine::llama
