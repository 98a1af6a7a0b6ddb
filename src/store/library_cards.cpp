#include <algorithm>
#include <cerrno>
#include <fmt/format.h>

#include "base/files.hpp"
#include "base/strings.hpp"
#include "store/folder_card.hpp"
#include "store/library.hpp"
#include "store/manifest.hpp"
#include "store/model_card.hpp"
#include "store/ollama_models.hpp"
#include "store/openvino_ir.hpp"
#include "store/scan.hpp"
#include "store/side_by_side.hpp"
#include "store/split_name.hpp"

// What is known of the models: listings and cards.
namespace hearth::store {

namespace fs = std::filesystem;
using Origin = LibraryEntry::Origin;

namespace {

constexpr std::size_t kCardsMax = 64;  // whole ones, which are large

void add_stamp(FileStamp& stamp, const std::string& path) {
  const auto other = stamp_of(path).value_or(FileStamp{});
  constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15;  // so that parts that change places make a difference
  stamp.inode = stamp.inode * kOdd + other.inode;
  stamp.size += other.size;
  stamp.modified = std::max(stamp.modified, other.modified);
  stamp.changed = std::max(stamp.changed, other.changed);
}

// Of all files of a model as if they were one.
std::optional<FileStamp> weights_stamp(const std::string& path) {
  constexpr std::int64_t kPartsMax = 1000;
  auto stamp = stamp_of(path);
  if (stamp && path.ends_with(".xml")) add_stamp(*stamp, weights_of_ir(path).string());
  const auto split = stamp && path.contains("-of-") ? split_name(path) : std::nullopt;
  if (!split || split->number != 1) return stamp;
  const auto folder = path.substr(0, path.rfind('/') + 1);
  for (std::int64_t part = 2; part <= std::min(split->count, kPartsMax); ++part)
    add_stamp(*stamp, folder + split->part(part));
  return stamp;
}

Result<domain::ModelCard> whole_card(const std::string& path) {
  return format_of(path) == kGguf ? read_model_card(path) : read_folder_card(path);
}

std::unexpected<Error> cannot_read(const std::string& path) {
  return fail(ErrorCode::kIo, fmt::format("cannot read {}: {}", path, base::errno_text(errno)));
}

}  // namespace

Result<domain::ModelCard> Library::listed_card(const FoundModel& model) const {
  const auto stamp = weights_stamp(model.path);
  if (!stamp) return cannot_read(model.path);
  auto card = listing_.find(model.path, *stamp);
  if (!card) {
    HEARTH_TRY(const auto whole, whole_card(model.path));
    card = listing_.put(model.path, *stamp, whole);
  }
  card->name = model.id();
  card->origin = to_string(model.origin);
  return *std::move(card);
}

Result<std::vector<domain::ModelCard>> Library::list(Scope scope) const {
  listing_.load(folders_);
  HEARTH_TRY(const auto registry, this->registry());
  const auto found = find_models(home_, *registry, folders_, scope);
  std::vector<const FoundModel*> all;
  all.reserve(found.size());
  for (const auto& [key, model] : found) all.push_back(&model);
  std::vector<domain::ModelCard> out(all.size());
  side_by_side(all.size(), [&](std::size_t i) {
    if (auto card = listed_card(*all[i]))
      out[i] = *std::move(card);
    else
      warn_once(fmt::format("model {}: {}", all[i]->id(), card.error().message));
  });
  std::erase_if(out, [](const domain::ModelCard& card) { return card.name.empty(); });
  listing_.save(folders_);
  return out;
}

Result<domain::ModelCard> Library::card(const LibraryEntry& entry) const {
  const std::string key = entry.path.string();
  const auto stamp = weights_stamp(key);
  if (!stamp) return cannot_read(key);
  // Where a manifest would be that has settings for these weights.
  const bool downloaded = entry.origin == Origin::kFolder;
  const fs::path folder = home_.models / entry.name.path();
  const auto manifest_stamp = downloaded ? stamp_of(folder / kManifestName) : std::nullopt;
  auto cached = cards_.with([&](CachedCards& cards) -> std::optional<domain::ModelCard> {
    const auto it = cards.by_path.find(key);
    if (it == cards.by_path.end() || it->second.stamp != *stamp || it->second.manifest != manifest_stamp)
      return std::nullopt;
    it->second.use = ++cards.uses;
    return it->second.card;
  });
  if (!cached) {
    HEARTH_TRY(auto fresh, whole_card(key));
    if (downloaded) {
      HEARTH_TRY(const auto manifest, Manifest::load(folder));
      const auto* file = manifest ? manifest->find(entry.path.lexically_relative(folder).generic_string()) : nullptr;
      if (file != nullptr) fresh.settings.merge(file->settings);
    }
    cards_.with([&](CachedCards& cards) {
      if (cards.by_path.size() >= kCardsMax)
        cards.by_path.erase(std::ranges::min_element(cards.by_path, {}, [](const auto& c) { return c.second.use; }));
      cards.by_path.insert_or_assign(
          key, CachedCard{.stamp = *stamp, .manifest = manifest_stamp, .card = fresh, .use = ++cards.uses});
    });
    cached = std::move(fresh);
  }
  cached->name = entry.id();
  cached->origin = to_string(entry.origin);
  if (entry.origin == Origin::kOllama) cached->settings.merge(ollama_settings(entry.manifest));
  cached->settings.merge(entry.settings);
  return std::move(*cached);
}

}  // namespace hearth::store
