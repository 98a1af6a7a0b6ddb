#include <algorithm>
#include <cerrno>
#include <dirent.h>
#include <optional>
#include <utility>

#include "base/files.hpp"
#include "store/folder_cache.hpp"

namespace hearth::store {

namespace {

constexpr std::size_t kFoldersMax = 100'000;

FolderList::Kind kind_of(const dirent& entry) {
  if (entry.d_type == DT_REG) return FolderList::Kind::kFile;
  if (entry.d_type == DT_DIR) return FolderList::Kind::kFolder;
  return FolderList::Kind::kUnknown;
}

// Nothing, and errno, if it cannot be read.
std::optional<FolderList> read_folder(const std::string& folder) {
  DIR* const stream = ::opendir(folder.c_str());
  if (stream == nullptr) return std::nullopt;
  FolderList out;
  while (const dirent* entry = ::readdir(stream)) {  // NOLINT(concurrency-mt-unsafe): a stream of this call's own
    const std::string_view name = entry->d_name;
    if (!name.starts_with('.')) out.names.push_back({.text = std::string(name), .kind = kind_of(*entry)});
  }
  ::closedir(stream);
  std::ranges::sort(out.names, {}, &FolderList::Name::text);
  return out;
}

}  // namespace

bool FolderList::has(std::string_view name) const { return std::ranges::binary_search(names, name, {}, &Name::text); }

std::shared_ptr<const FolderList> FolderCache::list(const std::string& folder) {
  static const auto kNothing = std::make_shared<const FolderList>();
  const auto stamp = stamp_of(folder);
  if (!stamp || stamp->kind != FileStamp::Kind::kFolder) return kNothing;
  auto known = state_.with([&](const State& state) -> std::shared_ptr<const FolderList> {
    const auto it = state.folders.find(folder);
    return it != state.folders.end() && it->second.stamp == *stamp ? it->second.list : nullptr;
  });
  if (known) return known;
  const bool settled = is_settled(*stamp);
  auto read = read_folder(folder);
  if (!read) {
    if (errno != ENOENT && errno != ENOTDIR) trouble(folder, base::errno_text(errno));
    return kNothing;
  }
  auto fresh = std::make_shared<const FolderList>(*std::move(read));
  if (settled) {
    state_.with([&](State& state) {
      if (state.folders.size() >= kFoldersMax) state.folders.clear();
      state.folders.insert_or_assign(folder, Known{.stamp = *stamp, .list = fresh});
      state.news = true;
    });
  }
  return fresh;
}

void FolderCache::put(std::string folder, const FileStamp& stamp, std::shared_ptr<const FolderList> list) {
  state_.with([&](State& state) {
    if (state.folders.size() < kFoldersMax)
      state.folders.try_emplace(std::move(folder), Known{.stamp = stamp, .list = std::move(list)});
  });
}

void FolderCache::for_each(
    const std::function<void(const std::string&, const FileStamp&, const FolderList&)>& visit) const {
  state_.with([&](const State& state) {
    for (const auto& [folder, known] : state.folders) visit(folder, known.stamp, *known.list);
  });
}

bool FolderCache::take_news() {
  return state_.with([](State& state) { return std::exchange(state.news, false); });
}

}  // namespace hearth::store
