#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::store {

// A weight file found in a folder tree.
struct FoundFile {
  std::string model;  // "org/name" or "name", as the folders are called
  std::string tag;    // quantisation in lower case, what stands behind "NAME@", or "latest"
  std::filesystem::path path;
};

// GGUF files below `root`: one-level (models/name/x.gguf), two-level (models/org/name/x.gguf, and its
// folders models/org/name/part/x.gguf), a file right in root
// (its stem is the name) and Hugging Face snapshot layouts (models--org--name/snapshots/REV/x.gguf). Later parts of
// split files, projectors (mmproj*), unfinished downloads, dangling links and hidden entries are left out. Unreadable
// folders are skipped.
[[nodiscard]] std::vector<FoundFile> scan_models(const std::filesystem::path& root);

// The GGUF files right in `folder`, under the same rules.
[[nodiscard]] std::vector<FoundFile> scan_folder(const std::filesystem::path& folder);

// "Q4_K_M", "iq3_xxs", "bf16", "UD-Q4_K_XL", ...: how GGUF files say their types, in any case.
[[nodiscard]] bool is_quantization(std::string_view tag);
// "q4_k_m" of "Model-Q4_K_M.gguf" or "model.q4_k_m.gguf"; empty if there is none. `stem` gets the rest.
[[nodiscard]] std::string quantization_in(std::string_view file_stem, std::string* stem = nullptr);
// Lower is better: what `latest` means among several quantisations.
[[nodiscard]] int preference_of(std::string_view tag);

}  // namespace hearth::store
