#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "store/foreign_folders.hpp"

namespace hearth::store {

// Where everything lives; plain folders that a person can read. Only the model store's own code writes below `models`.
struct Home {
  std::filesystem::path root;       // $HEARTH_HOME, default ~/.local/share/hearth
  std::filesystem::path models;     // $HEARTH_CACHE_DIR, default root/models
  std::filesystem::path bundled;    // models that came with hearth, never written; may be empty
  std::filesystem::path catalog{};  // that came with hearth; empty = where the bundled models are
  ForeignFolders foreign{};         // models of other programs, never written

  [[nodiscard]] std::filesystem::path registry() const { return root / "registry.json"; }
  // Short names of well-known models: ours, and the user's.
  [[nodiscard]] std::vector<std::filesystem::path> catalogs() const {
    return {catalog.empty() ? bundled / "catalog.yaml" : catalog, root / "catalog.yaml"};
  }
  // What a listing remembers; can be deleted at any time.
  [[nodiscard]] std::filesystem::path listing() const { return root / "cache" / "listing.tsv"; }
  [[nodiscard]] std::filesystem::path state() const { return root / "state"; }
  [[nodiscard]] std::filesystem::path logs() const { return root / "logs"; }
  // Whoever writes the files of a model below `models` holds this lock. `model`: "org/name".
  [[nodiscard]] std::filesystem::path model_lock(std::string_view model) const;
  [[nodiscard]] std::filesystem::path run() const;  // sockets and pid files; short, private (0700)
};

}  // namespace hearth::store
