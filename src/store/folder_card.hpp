#pragma once

#include <filesystem>

#include "base/result.hpp"
#include "domain/model_card.hpp"

namespace hearth::store {

// What the folder of a model that is OpenVINO IR or safetensors tells about it: its weights' headers, config.json,
// tokenizer_config.json. `weights` is the .xml, or the first .safetensors file. `name` and `digest` are left empty.
// kIo; kModelLoadFailed: a header is broken. A configuration that is absent or broken leaves its fields empty.
[[nodiscard]] Result<domain::ModelCard> read_folder_card(const std::filesystem::path& weights);

}  // namespace hearth::store
