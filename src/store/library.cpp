#include "store/library.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <system_error>

#include "base/files.hpp"
#include "base/strings.hpp"
#include "store/file_lock.hpp"
#include "store/gguf.hpp"
#include "store/manifest.hpp"
#include "store/model_card.hpp"
#include "store/registry.hpp"
#include "store/scan.hpp"

namespace hearth::store {

namespace fs = std::filesystem;
using Origin = LibraryEntry::Origin;

namespace {

void add(std::vector<LibraryEntry>& out, const std::string& text, fs::path path, Origin origin,
         domain::ModelSettings settings = {}) {
  auto name = domain::ModelName::parse(text);
  if (!name) return;
  // The same id twice: what stands first wins (registry, own folders, bundled).
  const auto same = [&](const LibraryEntry& e) { return e.name == *name; };
  if (std::ranges::any_of(out, same)) return;
  out.push_back(LibraryEntry{
      .name = *std::move(name), .path = std::move(path), .origin = origin, .settings = std::move(settings)});
}

void mark_preferred(std::vector<LibraryEntry>& entries) {
  std::map<std::string, LibraryEntry*> best;
  for (auto& entry : entries) {
    auto& slot = best[base::to_lower(entry.name.path())];
    const auto rank = [](const LibraryEntry& e) { return preference_of(base::to_lower(e.name.tag())); };
    if (slot == nullptr || rank(entry) < rank(*slot)) slot = &entry;
  }
  for (const auto& [name, entry] : best) entry->preferred = true;
}

// A registry path may name the file or a folder with one.
fs::path weight_file(const fs::path& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return path;
  const auto files = scan_folder(path);
  const auto best = std::ranges::min_element(files, {}, [](const FoundFile& f) { return preference_of(f.tag); });
  return best == files.end() ? fs::path() : best->path;
}

std::unexpected<Error> not_found(std::string_view name) {
  return fail(
      ErrorCode::kModelNotFound,
      fmt::format("model '{0}' not found; fetch it with: hearth pull {0}, or see what there is with: hearth list",
                  base::to_valid_utf8(name)),
      "model");
}

// A file that somebody names: that it is no model is their mistake, not ours.
Result<void> check_offered(const fs::path& file) {
  auto fine = check_structure(file);
  if (!fine && fine.error().code == ErrorCode::kModelLoadFailed)
    return fail(ErrorCode::kInvalidRequest, fine.error().message, "path");
  return fine;
}

// Whether a model of the registry has these weights.
bool is_used(const Registry& registry, const fs::path& weights) {
  return std::ranges::any_of(registry.models(), [&](const auto& m) { return fs::path(m.second.path) == weights; });
}

std::string_view task_name(const domain::ModelCard& card) {
  return card.tasks.has(domain::Task::kComplete) ? "text-generation" : "feature-extraction";
}

}  // namespace

std::string LibraryEntry::id() const { return preferred && is_quantization(name.tag()) ? name.path() : name.display(); }

std::string default_model_name(const fs::path& file) {
  std::string stem = file.stem().string();
  if (const auto at = stem.rfind("-00001-of-"); at != std::string::npos) stem.resize(at);
  std::string rest;
  const std::string tag = quantization_in(stem, &rest);
  std::string name;
  for (const char c : rest) name += static_cast<unsigned char>(c) < 0x20 || c == ':' || c == '/' ? '-' : c;
  return tag.empty() ? name : name + ":" + tag;
}

Result<std::vector<LibraryEntry>> Library::entries() const {
  std::vector<LibraryEntry> out;
  HEARTH_TRY(const Registry registry, Registry::load(home_.registry()));
  for (const auto& warning : registry.warnings()) {
    if (warned_.with([&](auto& known) { return known.insert(warning).second; }))
      log_.warn("registry {}: {}", home_.registry().string(), warning);
  }
  for (const auto& [slug, entry] : registry.models()) {
    auto file = weight_file(entry.path);
    std::error_code error;
    if (!file.empty() && fs::is_regular_file(file, error))
      add(out, entry.name, std::move(file), Origin::kRegistry, entry.settings);
  }
  const auto hidden = [&](std::string_view name) {
    return std::ranges::find(registry.hidden(), base::to_lower(name)) != registry.hidden().end();
  };
  for (auto& found : scan_models(home_.models)) {
    const std::string name = found.model + ":" + found.tag;
    if (!hidden(name)) add(out, name, std::move(found.path), Origin::kFolder);
  }
  if (!home_.bundled.empty()) {
    for (auto& found : scan_models(home_.bundled)) {
      if (!hidden(found.model)) add(out, found.model + ":" + found.tag, std::move(found.path), Origin::kBundled);
    }
  }
  mark_preferred(out);
  std::ranges::sort(out, {}, [](const LibraryEntry& e) { return e.name.key(); });
  return out;
}

Result<LibraryEntry> Library::find(std::string_view text) const {
  HEARTH_TRY(const auto wanted, domain::ModelName::parse(text));
  HEARTH_TRY(auto all, entries());
  LibraryEntry* fallback = nullptr;
  for (auto& entry : all) {
    if (entry.name == wanted) return std::move(entry);
    const bool same_path = base::equals_ignore_case(entry.name.path(), wanted.path());
    if (same_path && entry.preferred && base::equals_ignore_case(wanted.tag(), "latest")) fallback = &entry;
  }
  if (fallback != nullptr) return std::move(*fallback);
  if (const auto* known = by_short_name(text, all)) return *known;
  if (const auto file = registered_file(text))
    return fail(
        ErrorCode::kModelNotFound,
        fmt::format("model '{0}' not found: its file {1} is gone; put it back, or forget the model with: hearth "
                    "rm {0}",
                    text, *file),
        "model");
  return not_found(text);
}

// Parsed again only when a file of it has changed: requests come by short names too.
std::shared_ptr<const Catalog> Library::catalog() const {
  const auto files = home_.catalogs();
  std::vector<fs::file_time_type> times;
  for (const auto& file : files) {
    std::error_code error;
    const auto time = fs::last_write_time(file, error);
    times.push_back(error ? fs::file_time_type{} : time);
  }
  return catalog_.with([&](CachedCatalog& cached) {
    if (cached.times == times) return cached.catalog;
    auto loaded = Catalog::load(files);
    if (!loaded) log_.warn("{}", loaded.error().message);
    cached = {.times = times, .catalog = loaded ? std::make_shared<const Catalog>(*std::move(loaded)) : nullptr};
    return cached.catalog;
  });
}

const LibraryEntry* Library::by_short_name(std::string_view name, const std::vector<LibraryEntry>& all) const {
  if (name.contains('/')) return nullptr;
  const auto catalog = this->catalog();
  const auto match = catalog ? catalog->find(name) : std::nullopt;
  if (!match) return nullptr;
  const auto meant = [&](const LibraryEntry& e) {
    return base::equals_ignore_case(e.name.path(), match->tag.repo) &&
           (match->quantization.empty() ? e.preferred : base::equals_ignore_case(e.name.tag(), match->quantization));
  };
  const auto it = std::ranges::find_if(all, meant);
  return it == all.end() ? nullptr : &*it;
}

std::optional<std::string> Library::registered_file(std::string_view text) const {
  const auto wanted = domain::ModelName::parse(text);
  const auto registry = Registry::load(home_.registry());
  if (!wanted || !registry) return std::nullopt;
  for (const auto& [slug, entry] : registry->models()) {
    const auto name = domain::ModelName::parse(entry.name);
    if (name && *name == *wanted) return entry.path;
  }
  return std::nullopt;
}

std::string Library::id_of(const fs::path& file) const {
  const auto all = entries();
  if (!all) return file.string();
  const auto it = std::ranges::find(*all, file, &LibraryEntry::path);
  return it == all->end() ? file.string() : it->id();
}

Result<domain::ModelCard> Library::card(const LibraryEntry& entry) const {
  std::error_code error;
  const auto size = fs::file_size(entry.path, error);
  const auto time = error ? fs::file_time_type{} : fs::last_write_time(entry.path, error);
  if (error) return fail(ErrorCode::kIo, fmt::format("cannot read {}: {}", entry.path.string(), error.message()));
  // Where a manifest would be that has settings for these weights.
  const bool downloaded = entry.origin == Origin::kFolder;
  const fs::path folder = home_.models / entry.name.path();
  auto manifest_time = downloaded ? fs::last_write_time(folder / kManifestName, error) : fs::file_time_type{};
  if (error) manifest_time = {};
  const std::string key = entry.path.string();
  auto cached = cards_.with([&](const auto& cards) -> std::optional<domain::ModelCard> {
    const auto it = cards.find(key);
    if (it == cards.end() || it->second.size != size || it->second.time != time ||
        it->second.manifest_time != manifest_time)
      return std::nullopt;
    return it->second.card;
  });
  if (!cached) {
    HEARTH_TRY(auto fresh, read_model_card(entry.path));
    if (downloaded) {
      HEARTH_TRY(const auto manifest, Manifest::load(folder));
      const auto* file = manifest ? manifest->find(entry.path.lexically_relative(folder).generic_string()) : nullptr;
      if (file != nullptr) fresh.settings.merge(file->settings);
    }
    cards_.with([&](auto& cards) {
      cards.insert_or_assign(key,
                             CachedCard{.size = size, .time = time, .manifest_time = manifest_time, .card = fresh});
    });
    cached = std::move(fresh);
  }
  cached->name = entry.id();
  cached->settings.merge(entry.settings);
  return std::move(*cached);
}

Result<LibraryEntry> Library::import(const fs::path& path, std::string_view name) {
  std::error_code error;
  const auto cannot = [&](std::string_view why) {
    return fail(ErrorCode::kInvalidRequest, fmt::format("cannot import {}: {}", path.string(), why), "path");
  };
  const auto absolute = fs::weakly_canonical(fs::absolute(path, error), error);
  const auto kind = fs::status(absolute, error).type();
  if (kind == fs::file_type::not_found) return cannot("no such file");
  if (error) return cannot(error.message());
  if (kind == fs::file_type::directory) {
    const fs::directory_iterator readable(absolute, error);
    if (error) return cannot(error.message());
  }
  const auto file = weight_file(absolute);
  if (file.empty()) return cannot("no .gguf file in that folder");
  HEARTH_CHECK(check_offered(file));
  HEARTH_TRY(const auto card, read_model_card(file));
  const std::string wanted = name.empty() ? default_model_name(file) : std::string(name);
  HEARTH_TRY(auto parsed, domain::ModelName::parse(wanted));
  const RegistryEntry entry{.name = parsed.display(),
                            .path = file.string(),
                            .format = "gguf",
                            .task = std::string(task_name(card)),
                            .source = "import"};
  // Looked up under the registry's lock: of two imports at once under one name, the second finds the first.
  HEARTH_CHECK(Registry::update(home_.registry(), [&](Registry& registry) -> Result<void> {
    HEARTH_TRY(const auto all, entries());
    // A name without a tag means whatever model has that name.
    const auto known = std::ranges::find_if(all, [&](const LibraryEntry& e) {
      return e.name == parsed ||
             (parsed.tag() == "latest" && e.preferred && base::equals_ignore_case(e.name.path(), parsed.path()));
    });
    if (known == all.end()) {
      registry.put(entry);
      return {};
    }
    if (fs::equivalent(known->path, file, error)) return {};
    return fail(ErrorCode::kConflict,
                fmt::format("model '{}' exists already ({}); choose another name: hearth import PATH --name NAME",
                            parsed.display(), known->path.string()),
                "name");
  }));
  return find(parsed.full());
}

Result<LibraryEntry> Library::create(std::string_view name, std::string_view from,
                                     const domain::ModelSettings& settings) {
  HEARTH_TRY(const auto wanted, domain::ModelName::parse(name));
  const auto base_of = [&]() -> Result<LibraryEntry> {
    if (!from.starts_with('/')) return find(from);
    std::error_code error;
    const auto file = weight_file(fs::weakly_canonical(fs::path(from), error));
    if (file.empty() || !fs::is_regular_file(file, error))
      return fail(ErrorCode::kInvalidRequest, fmt::format("{}: no such .gguf file", from), "from");
    HEARTH_CHECK(check_offered(file));
    return LibraryEntry{.name = wanted, .path = file, .origin = Origin::kRegistry};
  };
  HEARTH_TRY(const auto base, base_of());
  HEARTH_TRY(auto header, card(base));
  header.settings.merge(settings);
  const RegistryEntry made{.name = wanted.display(),
                           .path = base.path.string(),
                           .format = "gguf",
                           .task = std::string(task_name(header)),
                           .source = "create",
                           .settings = std::move(header.settings)};
  HEARTH_CHECK(Registry::update(home_.registry(), [&](Registry& registry) -> Result<void> {
    registry.remove(wanted.full());
    registry.put(made);
    return {};
  }));
  return find(wanted.full());
}

Result<void> Library::remove(std::string_view name) {
  const auto found = find(name);
  if (!found && found.error().code == ErrorCode::kModelNotFound && forget(name)) return {};  // its file was gone
  if (!found) return std::unexpected(found.error());
  const auto& entry = *found;
  std::error_code error;
  switch (entry.origin) {
    case Origin::kRegistry: HEARTH_CHECK(forget(entry.name.full())); return remove_unused(entry.path);
    case Origin::kBundled:
      return Registry::update(home_.registry(), [&](Registry& registry) -> Result<void> {
        registry.set_hidden(entry.name.path(), true);
        return {};
      });
    case Origin::kFolder: break;
  }
  // Other models may stand on its weights: then only its name goes.
  HEARTH_TRY(const Registry registry, Registry::load(home_.registry()));
  if (!is_used(registry, entry.path)) return remove_files(entry);
  return Registry::update(home_.registry(), [&](Registry& r) -> Result<void> {
    r.set_hidden(entry.name.full(), true);
    return {};
  });
}

Result<void> Library::forget(std::string_view name) {
  return Registry::update(home_.registry(), [&](Registry& registry) -> Result<void> {
    return registry.remove(name) ? Result<void>{} : not_found(name);
  });
}

// The last model on weights whose own name was deleted before takes them with it.
Result<void> Library::remove_unused(const fs::path& weights) {
  HEARTH_TRY(const Registry registry, Registry::load(home_.registry()));
  if (is_used(registry, weights)) return {};
  for (auto& found : scan_models(home_.models)) {
    if (found.path != weights) continue;
    HEARTH_TRY(auto name, domain::ModelName::parse(found.model + ":" + found.tag));
    if (std::ranges::find(registry.hidden(), base::to_lower(name.full())) == registry.hidden().end()) continue;
    HEARTH_CHECK(remove_files({.name = name, .path = weights, .origin = Origin::kFolder}));
    return Registry::update(home_.registry(), [&](Registry& r) -> Result<void> {
      r.set_hidden(name.full(), false);
      return {};
    });
  }
  return {};
}

Result<void> Library::remove_files(const LibraryEntry& entry) {
  auto lock = FileLock::try_take(home_.model_lock(entry.name.path()));
  if (!lock && lock.error().code == ErrorCode::kConflict)
    return fail(ErrorCode::kConflict, fmt::format("model '{}' is being fetched; delete it afterwards", entry.id()),
                "model");
  if (!lock) return std::unexpected(std::move(lock).error());
  std::vector<fs::path> files{entry.path};
  if (const auto header = read_gguf(entry.path)) files = gguf_parts(entry.path, *header).value_or(files);
  const fs::path folder = home_.models / entry.name.path();
  auto loaded = Manifest::load(folder);
  auto manifest = loaded ? *std::move(loaded) : std::nullopt;  // a damaged one goes with the model
  if (manifest) {
    std::erase_if(manifest->files, [&](const Manifest::File& file) {
      return std::ranges::find(files, folder / file.name) != files.end();
    });
    // What goes with weights is of no use without them.
    if (manifest->has_weights()) {
      HEARTH_CHECK(manifest->save(folder));
    } else {
      for (const auto& file : manifest->files) files.push_back(folder / file.name);
      files.push_back(folder / kManifestName);
    }
  }
  std::error_code error;
  for (const auto& file : files) {
    fs::remove(fs::path(file) += ".partial", error);  // of an update that was not finished
    fs::remove(fs::path(file) += ".partial.json", error);
    fs::remove(file, error);
    if (error) return fail(ErrorCode::kIo, fmt::format("cannot delete {}: {}", file.string(), error.message()));
  }
  // Folders that are empty now go too, up to the models folder.
  for (auto at = entry.path.parent_path(); at != home_.models && at.string().size() > home_.models.string().size();
       at = at.parent_path()) {
    if (!fs::is_empty(at, error) || error || !fs::remove(at, error)) break;
  }
  return {};
}

Result<void> Library::copy(std::string_view from, std::string_view to) {
  HEARTH_TRY(const auto entry, find(from));
  HEARTH_TRY(const auto target, domain::ModelName::parse(to));
  HEARTH_TRY(const auto header, card(entry));
  const RegistryEntry made{.name = target.display(),
                           .path = entry.path.string(),
                           .format = "gguf",
                           .task = std::string(task_name(header)),
                           .source = "copy",
                           .settings = header.settings};
  return Registry::update(home_.registry(), [&](Registry& registry) -> Result<void> {
    registry.remove(target.full());  // as `cp`: the target is replaced
    registry.put(made);
    return {};
  });
}

}  // namespace hearth::store
