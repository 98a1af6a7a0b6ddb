#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/guarded.hpp"
#include "store/file_stamp.hpp"

namespace hearth::store {

// The names in a folder, sorted; hidden ones are left out.
struct FolderList {
  enum class Kind : char {
    kFile = 'f',
    kFolder = 'd',
    kUnknown = '?'
  };  // unknown: a link, or the file system tells not
  struct Name {
    std::string text;
    Kind kind = Kind::kUnknown;
  };
  std::vector<Name> names;

  [[nodiscard]] bool has(std::string_view name) const;
};

// Folders as they are now: one that has not changed since it was read is only looked at. Thread-safe.
class FolderCache {
 public:
  using OnTrouble = std::function<void(const std::string& path, std::string_view why)>;
  explicit FolderCache(OnTrouble on_trouble = {}) : on_trouble_(std::move(on_trouble)) {}

  // Empty for a folder that is not there or cannot be read. Never null.
  [[nodiscard]] std::shared_ptr<const FolderList> list(const std::string& folder);

  // Something below a folder that cannot be used, and is passed over.
  void trouble(const std::string& path, std::string_view why) const {
    if (on_trouble_) on_trouble_(path, why);
  }

  // What another process knew; what is known here already stays.
  void put(std::string folder, const FileStamp& stamp, std::shared_ptr<const FolderList> list);
  // Every folder whose list will hold as long as its stamp.
  void for_each(const std::function<void(const std::string&, const FileStamp&, const FolderList&)>& visit) const;
  // Whether list() has read any such folder since the last call.
  [[nodiscard]] bool take_news();

 private:
  struct Known {
    FileStamp stamp;
    std::shared_ptr<const FolderList> list;  // shared: read outside the lock
  };
  struct State {
    std::unordered_map<std::string, Known> folders;
    bool news = false;
  };
  OnTrouble on_trouble_;
  base::Guarded<State> state_;
};

}  // namespace hearth::store
