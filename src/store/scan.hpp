#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "store/folder_cache.hpp"

namespace hearth::store {

inline constexpr std::string_view kGguf = "gguf";
inline constexpr std::string_view kOpenvino = "openvino";
inline constexpr std::string_view kSafetensors = "safetensors";
// By the name of its weight file.
[[nodiscard]] std::string_view format_of(std::string_view weights);

// A weight file found in a folder tree.
struct FoundFile {
  std::string model;  // "org/name" or "name", as the folders are called
  std::string tag;    // quantisation in lower case, what stands behind "NAME@", or "latest"
  std::string path;
  std::string manifest{};  // Ollama's, with the settings
};

// Whether a GGUF file is the part of a model that looks at pictures ("mmproj-..."), by its name or path.
[[nodiscard]] bool is_projector(std::string_view file);
// Whether that goes with these weights: with those of its own tag ("mmproj-NAME@TAG.gguf"), else with all beside it.
[[nodiscard]] bool goes_with(std::string_view projector, std::string_view weights);

// Models below `root`. GGUF files: one-level (models/name/x.gguf), two-level (models/org/name/x.gguf, and its
// folders models/org/name/part/x.gguf), a file right in root
// (its stem is the name) and Hugging Face snapshot layouts, as scan_hub. Later parts of
// split files, projectors (mmproj*), unfinished downloads, dangling links and hidden entries are left out. Unreadable
// folders are skipped. A folder of a model that has none of these and an OpenVINO IR (x.xml beside x.bin), or else
// safetensors, is one model in that format. With `only` (a model as FoundFile has it, in any case) nothing else is
// looked for.
[[nodiscard]] std::vector<FoundFile> scan_models(const std::filesystem::path& root, FolderCache& folders,
                                                 std::string_view only = {});
[[nodiscard]] std::vector<FoundFile> scan_models(const std::filesystem::path& root);

// The models of a Hugging Face cache (models--org--name/snapshots/REV/x.gguf, and folders there): those of the revision
// that refs/main names, then what only other snapshots have, the newest first.
[[nodiscard]] std::vector<FoundFile> scan_hub(const std::filesystem::path& root, FolderCache& folders,
                                              std::string_view only = {});

// The GGUF files right in `folder`, under the same rules.
[[nodiscard]] std::vector<FoundFile> scan_folder(const std::filesystem::path& folder, FolderCache& folders);

// "Q4_K_M", "iq3_xxs", "bf16", "UD-Q4_K_XL", ...: how GGUF files say their types, in any case.
[[nodiscard]] bool is_quantization(std::string_view tag);
// "q4_k_m" of "Model-Q4_K_M.gguf" or "model.q4_k_m.gguf"; empty if there is none. `stem` gets the rest.
[[nodiscard]] std::string quantization_in(std::string_view file_stem, std::string* stem = nullptr);
// What a file can be called as long as it is there, whatever lies beside it: its name without extension and part.
[[nodiscard]] std::string tag_by_name(const std::filesystem::path& file);
// Lower is better: what `latest` means among several quantisations.
[[nodiscard]] int preference_of(std::string_view tag);

}  // namespace hearth::store
