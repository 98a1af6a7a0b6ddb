#pragma once

#include <map>
#include <string>
#include <string_view>

#include "store/folder_cache.hpp"
#include "store/home.hpp"
#include "store/library_entry.hpp"
#include "store/registry.hpp"

namespace hearth::store {

// A model as it is found. Lighter than a LibraryEntry: a listing makes ten thousand of these.
struct FoundModel {
  domain::ModelName name;
  std::string path;
  LibraryEntry::Origin origin = LibraryEntry::Origin::kFolder;
  bool preferred = false;
  const domain::ModelSettings* settings = nullptr;  // the registry's own, if any
  std::string manifest{};
  [[nodiscard]] std::string id() const { return shown_id(name, preferred); }
};
using FoundModels = std::map<std::string, FoundModel>;  // by the name's key: all tags of a name stand together

// Every model there is, or those of one name ("org/name", in any case) under all their tags. Of two of one id the first
// counts: registry, folders, bundled, other programs. The result points into `registry`.
[[nodiscard]] FoundModels find_models(const Home& home, const Registry& registry, FolderCache& folders, Scope scope,
                                      std::string_view only = {});

// A registry path may name the file or a folder with one. Empty if there is none.
[[nodiscard]] std::string weight_file(const std::string& path, FolderCache& folders);
// Why there is none: "it is gone". Empty if there is one.
[[nodiscard]] std::string why_lost(const std::string& path, FolderCache& folders);

}  // namespace hearth::store
