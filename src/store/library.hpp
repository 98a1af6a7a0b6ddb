#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/guarded.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "domain/model_card.hpp"
#include "domain/model_name.hpp"
#include "store/catalog.hpp"
#include "store/home.hpp"

namespace hearth::store {

// One model that could be served: an id and its weight file.
struct LibraryEntry {
  enum class Origin { kFolder, kRegistry, kBundled };
  domain::ModelName name;  // always with its real tag; `latest` is resolved, never stored (unless the source says so)
  std::filesystem::path path;  // the GGUF file; the first one of a split model
  Origin origin = Origin::kFolder;
  bool preferred = false;            // this is what `name` without a tag means
  domain::ModelSettings settings{};  // of the registry
  // The id to show: without the tag where this is the preferred file of its name and the tag only a quantisation.
  [[nodiscard]] std::string id() const;
};

// What models there are: folders below $HEARTH_HOME/models, registry.json, and the bundled ones. Looks at the disk on
// every call (headers are cached by path, size and time), so a model added by another process is there at once.
// Thread-safe.
class Library {
 public:
  Library(Home home, base::Log& log) : home_(std::move(home)), log_(log) {}

  [[nodiscard]] const Home& home() const { return home_; }
  // Sorted by id.
  [[nodiscard]] Result<std::vector<LibraryEntry>> entries() const;
  // By id, case-insensitively; a name without tag finds the preferred file. kModelNotFound names the remedy.
  [[nodiscard]] Result<LibraryEntry> find(std::string_view name) const;
  // Where the registry says that a model is, there or not.
  [[nodiscard]] std::optional<std::string> registered_file(std::string_view name) const;
  // The id of what has this weight file; its path if nothing has.
  [[nodiscard]] std::string id_of(const std::filesystem::path& file) const;
  // From the file's header, its hearth.json and the registry; kIo, kModelLoadFailed.
  [[nodiscard]] Result<domain::ModelCard> card(const LibraryEntry& entry) const;

  // Registers a GGUF file (or a folder with one) where it lies; nothing is copied. The header is checked first.
  // kConflict if another file has that name; the same file again is fine.
  [[nodiscard]] Result<LibraryEntry> import(const std::filesystem::path& path, std::string_view name);
  // A model of its own name with the weights of `from` (a model, or a GGUF file where it lies) and settings on top of
  // what those bring; replaces one that was made before. Nothing is copied. kModelNotFound, kInvalidRequest.
  [[nodiscard]] Result<LibraryEntry> create(std::string_view name, std::string_view from,
                                            const domain::ModelSettings& settings);
  // Removes the registry entry of an import (never its file), the folder of a downloaded model, or hides a bundled one.
  [[nodiscard]] Result<void> remove(std::string_view name);
  // A second id for the same file.
  [[nodiscard]] Result<void> copy(std::string_view from, std::string_view to);

 private:
  // What a short name of the catalogue means here.
  [[nodiscard]] const LibraryEntry* by_short_name(std::string_view name, const std::vector<LibraryEntry>& all) const;
  [[nodiscard]] Result<void> remove_files(const LibraryEntry& entry);
  [[nodiscard]] Result<void> forget(std::string_view name);
  [[nodiscard]] Result<void> remove_unused(const std::filesystem::path& weights);
  struct CachedCard {
    std::uint64_t size = 0;
    std::filesystem::file_time_type time;
    std::filesystem::file_time_type manifest_time;
    domain::ModelCard card;
  };
  struct CachedCatalog {
    std::vector<std::filesystem::file_time_type> times;
    std::shared_ptr<const Catalog> catalog;  // none if a file of it is broken
  };
  [[nodiscard]] std::shared_ptr<const Catalog> catalog() const;
  Home home_;
  base::Log& log_;
  mutable base::Guarded<CachedCatalog> catalog_;
  mutable base::Guarded<std::map<std::string, CachedCard>> cards_;
  mutable base::Guarded<std::set<std::string>> warned_;  // what the log knows about the registry
};

// The id that an import of `file` gets without --name: the stem, a trailing quantisation as the tag
// ("Qwen2.5-0.5B-Instruct-Q4_K_M.gguf" -> "Qwen2.5-0.5B-Instruct:q4_k_m").
[[nodiscard]] std::string default_model_name(const std::filesystem::path& file);

}  // namespace hearth::store
