#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <system_error>

#include "base/strings.hpp"
#include "store/file_lock.hpp"
#include "store/gguf.hpp"
#include "store/library.hpp"
#include "store/manifest.hpp"
#include "store/model_card.hpp"
#include "store/reference.hpp"
#include "store/scan.hpp"
#include "store/split_name.hpp"

// What changes the models: import, create, copy, remove.
namespace hearth::store {

namespace fs = std::filesystem;
using Origin = LibraryEntry::Origin;

namespace {

// A file that somebody names: that it is no model is their mistake, not ours.
Result<void> check_offered(const fs::path& file) {
  auto fine = check_structure(file);
  if (!fine && fine.error().code == ErrorCode::kModelLoadFailed)
    return fail(ErrorCode::kInvalidRequest, fine.error().message, "path");
  return fine;
}

// The models of the registry that have these weights.
std::vector<std::string> users_of(const Registry& registry, const fs::path& weights) {
  std::vector<std::string> out;
  for (const auto& [slug, model] : registry.models()) {
    if (fs::path(model.path) == weights) out.push_back(model.name);
  }
  return out;
}

// Whether any model stands on files of this folder, also on those whose own name was deleted before.
bool is_used_below(const Registry& registry, const fs::path& folder) {
  const std::string prefix = (folder / "").lexically_normal().string();
  return std::ranges::any_of(registry.models(), [&](const auto& model) {
    return fs::path(model.second.path).lexically_normal().string().starts_with(prefix);
  });
}

// "small:1b" and "ollama:small:1b", not "small" and "ollama:small".
bool names_a_tag(std::string_view name) {
  const auto reference = parse_reference(name);
  return reference ? !reference->selector.empty() : name.substr(name.rfind('/') + 1).contains(':');
}

// Whether a name without a tag means all quantisations of a model to whoever deletes it. Tags that somebody gave (as
// Ollama's) are models of their own, and so are files that lie right in the models folder.
bool means_all(const LibraryEntry& entry, std::string_view name, const fs::path& models) {
  return !names_a_tag(name) && !entry.path.stem().string().contains('@') && entry.path.parent_path() != models;
}

bool is_of_a_model(const fs::path& file) {
  const std::string name = file.filename().string();
  return name.ends_with(".gguf") || name.ends_with(".partial") || name.ends_with(".partial.json");
}

// What was fetched into a folder, what fetches have left, and other weights there: they are the model too. Anybody's
// notes beside them stay. `below`: whether folders in it are the model's.
std::error_code remove_fetched(const fs::path& folder, const Manifest& manifest, bool below) {
  std::vector<fs::path> files;
  for (const auto& file : manifest.files) files.push_back(folder / file.name);
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code gone;
    if (it->is_directory(gone)) {
      if (!below) it.disable_recursion_pending();
    } else if (is_of_a_model(it->path())) {
      files.push_back(it->path());
    }
  }
  files.push_back(folder / kManifestName);
  for (const auto& file : files) {
    if (!error) fs::remove(file, error);
    std::error_code not_empty;
    if (file.parent_path() != folder) fs::remove(file.parent_path(), not_empty);
  }
  return error;
}

Result<FileLock> sole_deleter(const Home& home, const std::string& model) {
  auto lock = FileLock::try_take(home.model_lock(model));
  if (!lock && lock.error().code == ErrorCode::kConflict)
    return fail(ErrorCode::kConflict,
                fmt::format("model '{}' is being fetched; delete it afterwards ({})", model, lock.error().message),
                "model");
  return lock;
}

}  // namespace

std::string default_model_name(const fs::path& file) {
  std::string stem = file.stem().string();
  if (auto split = split_stem(stem)) stem = std::move(split->prefix);
  std::string rest;
  const std::string tag = quantization_in(stem, &rest);
  std::string name;
  for (const char c : rest) name += static_cast<unsigned char>(c) < 0x20 || c == ':' || c == '/' ? '-' : c;
  name.erase(0, std::min(name.find_first_not_of('-'), name.size()));
  if (name.empty()) name = "model";
  return tag.empty() ? name : name + ":" + tag;
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
  const fs::path file = weight_file(absolute.string(), folders_);
  if (file.empty()) return cannot("no .gguf file there");
  if (format_of(file.string()) != kGguf)
    return cannot(fmt::format("it is {}, and this version runs GGUF files only", format_of(file.string())));
  HEARTH_CHECK(check_offered(file));
  HEARTH_TRY(const auto card, read_model_card(file));
  const std::string wanted = name.empty() ? default_model_name(file) : std::string(name);
  HEARTH_TRY(auto parsed, parse_new_name(wanted));
  const RegistryEntry entry{.name = parsed.display(),
                            .path = file.string(),
                            .format = "gguf",
                            .task = std::string(domain::task_name(card.tasks)),
                            .source = "import"};
  // Looked up under the registry's lock: of two imports at once under one name, the second finds the first.
  HEARTH_CHECK(Registry::update(home_.registry(), [&](Registry& registry) -> Result<void> {
    HEARTH_TRY(const auto all, collect(Scope::kOwn, parsed.path()));
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
  HEARTH_TRY(const auto wanted, parse_new_name(name));
  const auto base_of = [&]() -> Result<LibraryEntry> {
    if (!from.starts_with('/')) return find(from);
    std::error_code error;
    const fs::path file = weight_file(fs::weakly_canonical(fs::path(from), error).string(), folders_);
    if (file.empty() || !fs::is_regular_file(file, error))
      return fail(ErrorCode::kInvalidRequest, fmt::format("{}: no such .gguf file", from), "from");
    HEARTH_CHECK(check_offered(file));
    return LibraryEntry{
        .name = wanted, .path = file, .format = std::string(format_of(file.string())), .origin = Origin::kRegistry};
  };
  HEARTH_TRY(const auto base, base_of());
  HEARTH_TRY(auto header, card(base));
  header.settings.merge(settings);
  const RegistryEntry made{.name = wanted.display(),
                           .path = base.path.string(),
                           .format = base.format,
                           .task = std::string(domain::task_name(header.tasks)),
                           .source = "create",
                           .settings = std::move(header.settings)};
  HEARTH_CHECK(put_in_place(made));
  return find(wanted.full());
}

Result<void> Library::remove(std::string_view name) {
  const auto found = find(name);
  const bool absent = !found && found.error().code == ErrorCode::kModelNotFound;
  if (absent && forget(name)) return {};  // its file was gone
  if (absent && is_unfinished(name)) {
    HEARTH_TRY(const auto unfinished, domain::ModelName::parse(name));
    return remove_folder(unfinished, home_.models / unfinished.path());
  }
  if (!found) return std::unexpected(found.error());
  const auto& entry = *found;
  switch (entry.origin) {
    case Origin::kRegistry: HEARTH_CHECK(forget(entry.name.full())); return remove_unused(entry.path);
    case Origin::kBundled:
      log_.warn("{0} is part of hearth, so only its name was deleted; it comes back with: hearth pull {0}", entry.id());
      return Registry::update(home_.registry(), [&](Registry& registry) -> Result<void> {
        registry.set_hidden(entry.name.path(), true);
        return {};
      });
    case Origin::kHub:
    case Origin::kOllama:
    case Origin::kLmStudio: return fail(ErrorCode::kForbidden, refusal_to_delete(entry), "model");
    case Origin::kFolder: break;
  }
  HEARTH_CHECK(check_one_is_meant(entry, name));
  const bool whole = means_all(entry, name, home_.models);
  HEARTH_TRY(const auto meant, whole ? all_of(entry) : std::vector{entry});
  // Under the registry's lock: a model that is made of these weights now comes before, or finds them gone.
  return Registry::update(home_.registry(), [&](Registry& registry) -> Result<void> {
    const auto used = [&](const LibraryEntry& one) { return !users_of(registry, one.path).empty(); };
    if (whole && !is_used_below(registry, folder_of(entry))) return remove_folder(entry.name, folder_of(entry));
    for (const auto& one : meant) {
      // Other models may stand on its weights: then only its name goes.
      if (!used(one)) {
        HEARTH_CHECK(remove_files(one));
        continue;
      }
      registry.set_hidden(one.name.full(), true);
      log_.warn("{}: only the name was deleted; its weights stay, for {}", one.id(),
                fmt::join(users_of(registry, one.path), ", "));
    }
    return {};
  });
}

// Of several tags that somebody gave, a name without a tag means none, unless one of them is called `latest`.
Result<void> Library::check_one_is_meant(const LibraryEntry& entry, std::string_view name) const {
  if (names_a_tag(name) || !entry.path.stem().string().contains('@') || entry.name.tag() == "latest") return {};
  HEARTH_TRY(const auto all, collect(Scope::kOwn, entry.name.path()));
  std::string names;
  std::size_t count = 0;
  for (const auto& one : all) {
    if (one.origin != Origin::kFolder || !base::equals_ignore_case(one.name.path(), entry.name.path())) continue;
    names += fmt::format("{}{}", count == 0 ? "" : ", ", one.name.full());
    ++count;
  }
  if (count < 2) return {};
  return fail(ErrorCode::kInvalidRequest,
              fmt::format("'{}' could mean {}; name the one to delete", base::one_line(name), names), "model");
}

// All quantisations that lie in folders.
Result<std::vector<LibraryEntry>> Library::all_of(const LibraryEntry& entry) const {
  HEARTH_TRY(auto all, collect(Scope::kOwn, entry.name.path()));
  std::erase_if(all, [&](const LibraryEntry& e) {
    return e.origin != Origin::kFolder || e.path.stem().string().contains('@') ||
           !base::equals_ignore_case(e.name.path(), entry.name.path());
  });
  return all;
}

// The folder of a model that is not a single file.
fs::path Library::folder_of(const LibraryEntry& entry) const {
  const auto relative = entry.path.lexically_relative(home_.models);
  const auto first = relative.begin()->string();
  if (first.starts_with("models--")) return home_.models / first;  // the hub's own layout, its blobs too
  return home_.models / entry.name.path();
}

// Of a folder that other models' folders lie in (models/org, models/org/name) only the files right in it go.
Result<void> Library::remove_folder(const domain::ModelName& name, const fs::path& folder) {
  HEARTH_TRY(const auto lock, sole_deleter(home_, name.path()));
  std::error_code error;
  const auto manifest = Manifest::load(folder);
  if (manifest && *manifest) {
    error = remove_fetched(folder, **manifest, name.path().contains('/'));
  } else if (name.path().contains('/')) {
    fs::remove_all(folder, error);
  } else {
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
      std::error_code gone;
      if (!it->is_directory(gone) || it->is_symlink(gone)) fs::remove(it->path(), error);
    }
  }
  if (error) return fail(ErrorCode::kIo, fmt::format("cannot delete {}: {}", folder.string(), error.message()));
  remove_empty(folder);
  return {};
}

// Folders that are empty now go too, up to the models folder.
void Library::remove_empty(fs::path at) const {
  std::error_code error;
  for (; at != home_.models && at.string().size() > home_.models.string().size(); at = at.parent_path()) {
    if (fs::exists(at, error) && (!fs::is_empty(at, error) || error || !fs::remove(at, error))) break;
  }
}

// A fetch that was given up leaves no weights, but a folder with what had come. Anybody else's files stay.
bool Library::is_unfinished(std::string_view text) const {
  const auto name = domain::ModelName::parse(text);
  if (!name || text.ends_with(":" + name->tag()) || !check_file_name(name->path())) return false;
  const auto folder = home_.models / name->path();
  const auto manifest = Manifest::load(folder);
  const auto came_with_weights = [&](const fs::path& file) {
    constexpr std::array<std::string_view, 4> kWeights{".gguf", ".safetensors", ".xml", ".bin"};
    return manifest && *manifest && (*manifest)->find(file.lexically_relative(folder).generic_string()) != nullptr &&
           std::ranges::find(kWeights, file.extension().string()) == kWeights.end();
  };
  std::error_code error;
  bool ours = true;
  bool something = false;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const auto file = it->path().filename().string();
    if (it->is_directory(error)) continue;
    something = true;
    ours = ours && (file == kManifestName || file.ends_with(".partial") || file.ends_with(".partial.json") ||
                    came_with_weights(it->path()));
  }
  return !error && ours && something;
}

Result<void> Library::forget(std::string_view name) {
  return Registry::update(home_.registry(), [&](Registry& registry) -> Result<void> {
    return registry.remove(name) ? Result<void>{} : model_not_found(name);
  });
}

// The last model on weights whose own name was deleted before takes them with it.
Result<void> Library::remove_unused(const fs::path& weights) {
  return Registry::update(home_.registry(), [&](Registry& registry) -> Result<void> {
    if (!users_of(registry, weights).empty()) return {};
    for (auto& found : scan_models(home_.models, folders_)) {
      if (found.path != weights) continue;
      HEARTH_TRY(auto name, domain::ModelName::parse(found.model + ":" + found.tag));
      if (std::ranges::find(registry.hidden(), base::to_lower(name.full())) == registry.hidden().end()) continue;
      HEARTH_CHECK(remove_files({.name = name, .path = weights, .origin = Origin::kFolder}));
      registry.set_hidden(name.full(), false);
      return {};
    }
    return {};
  });
}

Result<void> Library::remove_files(const LibraryEntry& entry) {
  HEARTH_TRY(const auto lock, sole_deleter(home_, entry.name.path()));
  std::vector<fs::path> files{entry.path};
  if (const auto header = read_gguf(entry.path)) files = gguf_parts(entry.path, *header).value_or(files);
  const fs::path folder = home_.models / entry.name.path();
  auto loaded = Manifest::load(folder);
  auto manifest = loaded ? *std::move(loaded) : std::nullopt;  // a damaged one goes with the model
  if (manifest) {
    std::erase_if(manifest->files, [&](const Manifest::File& file) {
      const bool its_own =
          is_projector(file.name) && file.name.contains('@') && goes_with(file.name, entry.path.filename().string());
      return its_own || std::ranges::find(files, folder / file.name) != files.end();
    });
    // What goes with weights is of no use without them.
    if (manifest->has_weights()) {
      HEARTH_CHECK(manifest->save(folder));
    } else {
      for (const auto& file : manifest->files) files.push_back(folder / file.name);
      files.push_back(folder / kManifestName);
    }
  }
  const auto projector = entry.path.parent_path() / fmt::format("mmproj-{}", entry.path.filename().string());
  std::error_code error;
  if (entry.path.stem().string().contains('@') && fs::exists(projector, error)) files.push_back(projector);
  for (const auto& file : files) {
    fs::remove(fs::path(file) += ".partial", error);  // of an update that was not finished
    fs::remove(fs::path(file) += ".partial.json", error);
    fs::remove(file, error);
    if (error) return fail(ErrorCode::kIo, fmt::format("cannot delete {}: {}", file.string(), error.message()));
  }
  remove_empty(entry.path.parent_path());
  return {};
}

Result<void> Library::copy(std::string_view from, std::string_view to) {
  HEARTH_TRY(const auto entry, find(from));
  HEARTH_TRY(const auto target, parse_new_name(to));
  HEARTH_TRY(const auto header, card(entry));
  const RegistryEntry made{.name = target.display(),
                           .path = entry.path.string(),
                           .format = entry.format,
                           .task = std::string(domain::task_name(header.tasks)),
                           .source = "copy",
                           .settings = header.settings};
  return put_in_place(made);
}

// Replaces what has the name; weights that only that one used go.
Result<void> Library::put_in_place(const RegistryEntry& made) {
  const auto before = registered_file(made.name);
  HEARTH_CHECK(Registry::update(home_.registry(), [&](Registry& registry) -> Result<void> {
    std::error_code error;
    if (!fs::exists(made.path, error))
      return fail(ErrorCode::kModelNotFound, fmt::format("{} was deleted just now", made.path), "from");
    registry.remove(made.name);
    registry.put(made);
    return {};
  }));
  return before && *before != made.path ? remove_unused(*before) : Result<void>{};
}

}  // namespace hearth::store
