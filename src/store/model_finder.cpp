#include "store/model_finder.hpp"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <set>
#include <utility>

#include "base/strings.hpp"
#include "store/ollama_models.hpp"
#include "store/scan.hpp"

namespace hearth::store {

using Origin = LibraryEntry::Origin;

namespace {

// The same id twice: what stands first wins.
FoundModel* add(FoundModels& models, const std::string& text, Origin origin, std::string path) {
  auto name = domain::ModelName::parse(text);
  if (!name) return nullptr;
  std::string key = name->key();
  const auto count = models.size();
  // Mostly in order: the scan sorts names.
  const auto it = models.try_emplace(models.end(), std::move(key),
                                     FoundModel{.name = *std::move(name), .path = std::move(path), .origin = origin});
  return models.size() > count ? &it->second : nullptr;
}

// "org/name:" of "org/name:tag".
std::string_view path_of(std::string_view key) { return key.substr(0, key.rfind(':') + 1); }

// One of each name is what the name without a tag means; none of a name that `first` has too.
void mark_preferred(FoundModels& models, const FoundModels& first = {}) {
  const auto rank = [](const auto& model) { return preference_of(base::to_lower(model.second.name.tag())); };
  for (auto it = models.begin(); it != models.end();) {
    const std::string_view path = path_of(it->first);
    auto best = it;
    for (++it; it != models.end() && path_of(it->first) == path; ++it) {
      if (rank(*it) < rank(*best)) best = it;
    }
    const auto there = first.lower_bound(std::string(path));
    best->second.preferred = there == first.end() || !there->first.starts_with(path);
  }
}

// Read where they lie.
void add_foreign(FoundModels& models, const ForeignFolders& where, FolderCache& folders, std::string_view only) {
  const auto take = [&](std::vector<FoundFile> files, Origin origin) {
    for (auto& file : files) {
      if (auto* model = add(models, file.model + ":" + file.tag, origin, std::move(file.path)))
        model->manifest = std::move(file.manifest);
    }
  };
  for (const auto& root : where.hub) take(scan_hub(root, folders, only), Origin::kHub);
  for (const auto& root : where.ollama) take(scan_ollama(root, folders, only), Origin::kOllama);
  for (const auto& root : where.lm_studio) take(scan_models(root, folders, only), Origin::kLmStudio);
}

}  // namespace

std::string weight_file(const std::string& path, FolderCache& folders) {
  const auto stamp = stamp_of(path);
  if (!stamp || stamp->kind == FileStamp::Kind::kOther) return {};
  if (stamp->kind == FileStamp::Kind::kFile) return path;
  auto files = scan_folder(path, folders);
  const auto best = std::ranges::min_element(files, {}, [](const FoundFile& f) { return preference_of(f.tag); });
  return best == files.end() ? std::string() : std::move(best->path);
}

std::string why_lost(const std::string& path, FolderCache& folders) {
  if (!weight_file(path, folders).empty()) return {};
  std::error_code error;
  const auto type = std::filesystem::status(path, error).type();
  if (type == std::filesystem::file_type::not_found) return "it is gone";
  return error ? error.message() : "it has no weights";
}

FoundModels find_models(const Home& home, const Registry& registry, FolderCache& folders, Scope scope,
                        std::string_view only) {
  const std::set<std::string_view> hidden(registry.hidden().begin(), registry.hidden().end());
  FoundModels models;
  for (const auto& [slug, entry] : registry.models()) {
    if (!base::starts_with_ignore_case(entry.name, only)) continue;
    auto file = weight_file(entry.path, folders);
    if (file.empty() && only.empty())
      folders.trouble(entry.path, fmt::format("{}; put it right, or forget the model with: hearth rm {}",
                                              why_lost(entry.path, folders), base::shell_word(entry.name)));
    if (file.empty()) continue;
    if (auto* model = add(models, entry.name, Origin::kRegistry, std::move(file))) model->settings = &entry.settings;
  }
  for (auto& found : scan_models(home.models, folders, only)) {
    const std::string name = found.model + ":" + found.tag;
    if (hidden.empty() || !hidden.contains(base::to_lower(name)))
      add(models, name, Origin::kFolder, std::move(found.path));
  }
  if (!home.bundled.empty()) {
    for (auto& found : scan_models(home.bundled, folders, only)) {
      if (!hidden.contains(base::to_lower(found.model)))
        add(models, found.model + ":" + found.tag, Origin::kBundled, std::move(found.path));
    }
  }
  mark_preferred(models);
  if (scope == Scope::kAll) {
    FoundModels foreign;
    add_foreign(foreign, home.foreign, folders, only);
    std::erase_if(foreign, [&](const auto& model) { return models.contains(model.first); });
    mark_preferred(foreign, models);
    models.merge(foreign);
  }
  return models;
}

}  // namespace hearth::store
