#pragma once

#include <cstdint>
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
#include "store/catalog.hpp"
#include "store/file_stamp.hpp"
#include "store/folder_cache.hpp"
#include "store/home.hpp"
#include "store/library_entry.hpp"
#include "store/listing_cache.hpp"
#include "store/model_finder.hpp"
#include "store/registry.hpp"

namespace hearth::store {

// What models there are. Looks at the disk on every call, but reads only what has changed since, so a model added by
// another process is there at once; to find one model only the folders that could hold it are looked at. Thread-safe.
// A model whose weights are not where the registry or its manifest says.
struct LostModel {
  std::string name;
  std::string path;
  std::string why;  // "it is gone"
};

class Library {
 public:
  Library(Home home, base::Log& log);

  [[nodiscard]] const Home& home() const { return home_; }
  // Sorted by id. Of two models of one name the one that comes first counts: registry, folders, bundled, other
  // programs.
  [[nodiscard]] Result<std::vector<LibraryEntry>> entries(Scope scope = Scope::kOwn) const;
  // Those; none named: all of hearth's own. kModelNotFound.
  [[nodiscard]] Result<std::vector<LibraryEntry>> entries(const std::vector<std::string>& names) const;
  // The same as cards, without settings, template, license, metadata and tensors; what cannot be read is logged, once,
  // and left out. Opens only files that no listing has seen before, in this process or another one.
  [[nodiscard]] Result<std::vector<domain::ModelCard>> list(Scope scope = Scope::kOwn) const;
  // By id, case-insensitively; a name without tag finds the preferred file. Models of other programs are found after
  // hearth's own. kModelNotFound names the remedy.
  [[nodiscard]] Result<LibraryEntry> find(std::string_view name) const;
  // Where the registry says that a model is, there or not.
  [[nodiscard]] std::optional<std::string> registered_file(std::string_view name) const;
  // Imports and downloads whose weights have gone.
  [[nodiscard]] Result<std::vector<LostModel>> lost() const;
  // The id that somebody meant who wrote `text`, which is none; empty if there is no such.
  [[nodiscard]] std::string name_near(std::string_view text) const;
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
  // Removes the registry entry of an import (never its file), the files of a downloaded model, or hides a bundled one.
  // A name without a tag means all quantisations of the model, and everything that came with them.
  // kForbidden for a model of another program: the message says how that one deletes it. kInvalidRequest where a name
  // could mean several models.
  [[nodiscard]] Result<void> remove(std::string_view name);
  // A second id for the same file.
  [[nodiscard]] Result<void> copy(std::string_view from, std::string_view to);

 private:
  // Every model there is, or those of one name ("org/name", in any case) under all their tags.
  [[nodiscard]] Result<std::vector<LibraryEntry>> collect(Scope scope, std::string_view only) const;
  [[nodiscard]] Result<std::optional<LibraryEntry>> look_up(std::string_view text, Scope scope) const;
  // What a short name of the catalogue means here.
  [[nodiscard]] Result<std::optional<LibraryEntry>> by_short_name(std::string_view name, Scope scope) const;
  [[nodiscard]] Result<std::optional<LibraryEntry>> by_reference(std::string_view text, Scope scope) const;
  [[nodiscard]] Result<domain::ModelCard> listed_card(const FoundModel& model) const;
  [[nodiscard]] Result<std::vector<LibraryEntry>> all_of(const LibraryEntry& entry) const;
  [[nodiscard]] Result<void> check_one_is_meant(const LibraryEntry& entry, std::string_view name) const;
  [[nodiscard]] std::filesystem::path folder_of(const LibraryEntry& entry) const;
  [[nodiscard]] Result<void> remove_folder(const domain::ModelName& name, const std::filesystem::path& folder);
  [[nodiscard]] bool is_unfinished(std::string_view text) const;
  void remove_empty(std::filesystem::path at) const;
  [[nodiscard]] Result<void> remove_files(const LibraryEntry& entry);
  [[nodiscard]] Result<void> forget(std::string_view name);
  [[nodiscard]] Result<void> put_in_place(const RegistryEntry& made);
  [[nodiscard]] Result<void> remove_unused(const std::filesystem::path& weights);
  [[nodiscard]] std::unexpected<Error> without_weights(std::string_view text) const;
  void warn_once(std::string line) const;

  struct CachedCard {
    FileStamp stamp;
    std::optional<FileStamp> manifest;
    domain::ModelCard card;
    std::uint64_t use = 0;  // when it was asked for last, counted
  };
  struct CachedCards {
    std::map<std::string, CachedCard> by_path;
    std::uint64_t uses = 0;
  };
  struct CachedCatalog {
    std::vector<std::filesystem::file_time_type> times;
    std::shared_ptr<const Catalog> catalog;  // none if a file of it is broken
  };
  struct CachedRegistry {
    FileStamp stamp;
    std::shared_ptr<const Registry> registry;  // none, or as the file was when nothing could change it unseen
  };
  [[nodiscard]] std::shared_ptr<const Catalog> catalog() const;
  [[nodiscard]] Result<std::shared_ptr<const Registry>> registry() const;
  Home home_;
  base::Log& log_;
  mutable FolderCache folders_;
  mutable ListingCache listing_;
  mutable base::Guarded<CachedCatalog> catalog_;
  mutable base::Guarded<CachedRegistry> registry_;
  mutable base::Guarded<CachedCards> cards_;
  mutable base::Guarded<std::set<std::string>> warned_;  // what the log knows already
};

// The id that an import of `file` gets without --name: the stem, a trailing quantisation as the tag
// ("Qwen2.5-0.5B-Instruct-Q4_K_M.gguf" -> "Qwen2.5-0.5B-Instruct:q4_k_m").
[[nodiscard]] std::string default_model_name(const std::filesystem::path& file);

// Fails with kModelNotFound and says how to get it.
[[nodiscard]] std::unexpected<Error> model_not_found(std::string_view name);

}  // namespace hearth::store
