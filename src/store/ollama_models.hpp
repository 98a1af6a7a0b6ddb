#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "domain/model_settings.hpp"
#include "store/folder_cache.hpp"
#include "store/scan.hpp"

namespace hearth::store {

// The models of an Ollama folder (manifests/HOST/NAMESPACE/NAME/TAG, blobs/sha256-HEX), under the names that Ollama
// itself calls them by: NAME:TAG, NAMESPACE/NAME:TAG, HOST/NAMESPACE/NAME:TAG. What cannot be used is passed over, and
// said through `folders`. `only`: as for scan_models.
[[nodiscard]] std::vector<FoundFile> scan_ollama(const std::filesystem::path& root, FolderCache& folders,
                                                 std::string_view only = {});

// What the small layers of a manifest there say; what cannot be read of it is left out.
[[nodiscard]] domain::ModelSettings ollama_settings(const std::filesystem::path& manifest);

}  // namespace hearth::store
