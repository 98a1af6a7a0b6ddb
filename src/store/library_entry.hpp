#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "domain/model_name.hpp"
#include "domain/model_settings.hpp"

namespace hearth::store {

// Which models a listing has: hearth's own (registry, folders below $HEARTH_HOME/models, bundled), or those of other
// programs too.
enum class Scope : std::uint8_t { kOwn, kAll };

// The id to show: without the tag where this is the preferred file of its name and the tag only a quantisation.
[[nodiscard]] std::string shown_id(const domain::ModelName& name, bool preferred);

// One model that could be served: an id and its weight file.
struct LibraryEntry {
  // The last three belong to other programs; hearth only reads them.
  enum class Origin : std::uint8_t { kFolder, kRegistry, kBundled, kHub, kOllama, kLmStudio };
  domain::ModelName name;  // always with its real tag; `latest` is resolved, never stored (unless the source says so)
  std::filesystem::path path;   // the GGUF file, the first one of a split model; the .xml of an IR; .safetensors
  std::string format = "gguf";  // or "openvino", "safetensors"
  Origin origin = Origin::kFolder;
  bool preferred = false;            // this is what `name` without a tag means
  domain::ModelSettings settings{};  // of the registry
  std::filesystem::path manifest{};  // kOllama: what has the settings
  [[nodiscard]] std::string id() const { return shown_id(name, preferred); }
  // Whether another program's.
  [[nodiscard]] bool is_foreign() const;
};

// "hearth", "registry", "bundled", "huggingface", "ollama", "lmstudio".
[[nodiscard]] std::string_view to_string(LibraryEntry::Origin origin);
// Whose a foreign model is, and how they delete it: "... belongs to ...; delete it with: ...".
[[nodiscard]] std::string refusal_to_delete(const LibraryEntry& entry);

}  // namespace hearth::store
