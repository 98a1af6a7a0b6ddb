#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "store/library.hpp"
#include "store/manifest.hpp"

namespace hearth::store::provision {

// A model as it lies here: what another machine needs to have it too.
struct ModelFiles {
  struct File {
    std::filesystem::path path;
    Manifest::File known;  // its name where it is published and settings; size and digest as a manifest has them,
                           // else the size that it has
  };
  std::string id;
  std::string source;  // that it came from; empty if it was made here
  std::string license;
  std::vector<File> files;
};

// All parts of the weights of a GGUF model, with its settings; of a folder with other weights (OpenVINO, safetensors)
// all that its manifest names. kModelNotFound, kIo; kModelLoadFailed: broken weights.
[[nodiscard]] Result<ModelFiles> model_files(const Library& library, std::string_view model);

}  // namespace hearth::store::provision
