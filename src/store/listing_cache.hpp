#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/guarded.hpp"
#include "domain/model_card.hpp"
#include "store/file_stamp.hpp"
#include "store/folder_cache.hpp"

namespace hearth::store {

// What a listing needs of weight files, kept between processes with what folders hold, so that ten thousand models are
// listed without opening one. A file that can be deleted at any time; one that is broken, or of another version of
// hearth, counts for nothing. Thread-safe. Format: docs/store.md.
class ListingCache {
 public:
  explicit ListingCache(std::filesystem::path file);
  ~ListingCache();

  // Takes in what the file has; once.
  void load(FolderCache& folders);
  // Without name, settings, template, license, metadata and tensors. Nothing if the file is another one now.
  [[nodiscard]] std::optional<domain::ModelCard> find(const std::string& path, const FileStamp& stamp) const;
  // Gives what find() will give.
  domain::ModelCard put(const std::string& path, const FileStamp& stamp, const domain::ModelCard& card);
  // Replaces the file if there is news. A folder that cannot be written is no matter.
  void save(FolderCache& folders);

 private:
  struct State;

  std::filesystem::path file_;
  std::unique_ptr<base::Guarded<State>> state_;
};

}  // namespace hearth::store
