#include "store/library.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <system_error>
#include <utility>

#include "base/strings.hpp"
#include "store/manifest.hpp"
#include "store/reference.hpp"
#include "store/scan.hpp"
#include "store/split_name.hpp"

namespace hearth::store {

namespace fs = std::filesystem;

namespace {

bool is_folder_below(const fs::path& root, const std::string& name) {
  const auto stamp = check_file_name(name) ? stamp_of((root / name).string()) : std::nullopt;
  return stamp && stamp->kind == FileStamp::Kind::kFolder;
}

// What can be loaded by itself: not a later part, not what looks at pictures.
bool begins_weights(const std::string& file) {
  const auto split = split_name(file);
  const fs::path name = file;
  return (name.extension() == ".gguf" || name.extension() == ".safetensors" || name.extension() == ".xml") &&
         !is_projector(file) && (!split || split->number == 1);
}

// Weights that manifests name and that are not there.
void add_lost_downloads(const fs::path& models, std::vector<LostModel>& out) {
  std::error_code error;
  for (fs::recursive_directory_iterator it(models, fs::directory_options::skip_permission_denied, error), end;
       !error && it != end; it.increment(error)) {
    if (it->path().filename() != kManifestName) continue;
    const auto folder = it->path().parent_path();
    const auto manifest = Manifest::load(folder);
    if (!manifest || !*manifest) continue;
    const auto name = folder.lexically_relative(models).generic_string();
    for (const auto& file : (*manifest)->files) {
      if (!begins_weights(file.name) || stamp_of((folder / file.name).string())) continue;
      const auto source = parse_reference((*manifest)->source);
      const bool published = source && source->kind != Reference::Kind::kName;  // not made here
      out.push_back({.name = name,
                     .path = (folder / file.name).string(),
                     .why = fmt::format("it is gone; {}forget it with: hearth rm {}",
                                        published ? fmt::format("fetch it again with: hearth pull {}, or ",
                                                                base::shell_word((*manifest)->source))
                                                  : "",
                                        base::shell_word(name))});
    }
  }
}

// What is remembered of a path must hold wherever a process stands.
Home at_absolute_paths(Home home) {
  const auto fix = [](fs::path& path) {
    std::error_code error;
    if (path.empty() || path.is_absolute()) return;
    if (auto absolute = fs::absolute(path, error); !error) path = std::move(absolute);
  };
  for (auto* path : {&home.root, &home.models, &home.bundled}) fix(*path);
  for (auto* paths : {&home.foreign.hub, &home.foreign.ollama, &home.foreign.lm_studio})
    std::ranges::for_each(*paths, fix);
  return home;
}

}  // namespace

std::unexpected<Error> model_not_found(std::string_view name) {
  return fail(
      ErrorCode::kModelNotFound,
      fmt::format("model '{0}' not found; fetch it with: hearth pull {0}, or see what there is with: hearth list",
                  base::to_valid_utf8(name)),
      "model");
}

Library::Library(Home home, base::Log& log)
    : home_(at_absolute_paths(std::move(home))),
      log_(log),
      folders_([this](const std::string& path, std::string_view why) {
        warn_once(fmt::format("{} is passed over: {}", path, why));
      }),
      listing_(home_.listing()) {}

void Library::warn_once(std::string line) const {
  constexpr std::size_t kLinesMax = 1000;
  const bool news = warned_.with([&](auto& known) { return known.size() < kLinesMax && known.insert(line).second; });
  if (news) log_.warn("{}", line);
}

Result<std::shared_ptr<const Registry>> Library::registry() const {
  const auto file = home_.registry();
  const auto stamp = stamp_of(file.string());
  auto known = registry_.with(
      [&](const CachedRegistry& cached) { return stamp && cached.stamp == *stamp ? cached.registry : nullptr; });
  if (known) return known;
  const bool settled = stamp && is_settled(*stamp);
  HEARTH_TRY(auto loaded, Registry::load(file));
  for (const auto& warning : loaded.warnings()) warn_once(fmt::format("registry {}: {}", file.string(), warning));
  known = std::make_shared<const Registry>(std::move(loaded));
  if (settled) registry_.with([&](CachedRegistry& cached) { cached = {.stamp = *stamp, .registry = known}; });
  return known;
}

Result<std::vector<LibraryEntry>> Library::collect(Scope scope, std::string_view only) const {
  HEARTH_TRY(const auto registry, this->registry());
  std::vector<LibraryEntry> out;
  for (auto& [key, model] : find_models(home_, *registry, folders_, scope, only)) {
    const auto format = format_of(model.path);
    out.push_back({.name = std::move(model.name),
                   .path = std::move(model.path),
                   .format = std::string(format),
                   .origin = model.origin,
                   .preferred = model.preferred,
                   .settings = model.settings != nullptr ? *model.settings : domain::ModelSettings{},
                   .manifest = std::move(model.manifest)});
  }
  return out;
}

Result<std::vector<LibraryEntry>> Library::entries(Scope scope) const { return collect(scope, {}); }

Result<std::vector<LibraryEntry>> Library::entries(const std::vector<std::string>& names) const {
  if (names.empty()) return entries();
  std::vector<LibraryEntry> out;
  for (const auto& name : names) {
    HEARTH_TRY(auto entry, find(name));
    out.push_back(std::move(entry));
  }
  return out;
}

Result<std::optional<LibraryEntry>> Library::look_up(std::string_view text, Scope scope) const {
  const auto wanted = domain::ModelName::parse(text);
  if (!wanted) {
    HEARTH_TRY(auto found, by_reference(text, scope));
    const auto reference = parse_reference(text);
    const bool address =
        reference && (reference->kind == Reference::Kind::kS3 || reference->kind == Reference::Kind::kUrl ||
                      reference->kind == Reference::Kind::kOllama);
    if (!found && !address) return std::unexpected(wanted.error());
    return found;
  }
  HEARTH_TRY(auto all, collect(scope, wanted->path()));
  LibraryEntry* fallback = nullptr;
  const std::string tag = base::to_lower(wanted->tag());
  for (auto& entry : all) {
    if (entry.name == *wanted) return std::move(entry);
    if (!base::equals_ignore_case(entry.name.path(), wanted->path())) continue;
    // Its file's name means it even when its neighbours have made way for a shorter tag.
    const bool by_file = entry.origin == LibraryEntry::Origin::kFolder && tag_by_name(entry.path) == tag;
    if ((entry.preferred && tag == "latest") || by_file) fallback = &entry;
  }
  if (fallback != nullptr) return std::move(*fallback);
  HEARTH_TRY(auto found, by_short_name(text, scope));
  return found ? std::move(found) : by_reference(text, scope);
}

// As models are pulled: "hf.co/org/name:Q8_0", "hf:org/name", "ollama:name:tag", or with a file's path behind the ':'.
// A revision must be what was fetched.
Result<std::optional<LibraryEntry>> Library::by_reference(std::string_view text, Scope scope) const {
  const auto reference = parse_reference(text);
  using Kind = Reference::Kind;
  if (!reference ||
      (reference->kind != Kind::kHub && reference->kind != Kind::kOllama && reference->kind != Kind::kName))
    return std::nullopt;
  HEARTH_TRY(auto all, collect(scope, reference->name));
  const bool any = reference->selector.empty() || base::equals_ignore_case(reference->selector, "latest");
  const auto file_of = [&](const LibraryEntry& e) {
    return e.path.lexically_relative(home_.models / e.name.path()).generic_string();
  };
  const auto selected = [&](const LibraryEntry& e) {
    return any ? e.preferred
               : base::equals_ignore_case(e.name.tag(), reference->selector) ||
                     base::equals_ignore_case(e.path.filename().string(), reference->selector) ||
                     base::equals_ignore_case(file_of(e), reference->selector);
  };
  const auto of_revision = [&](const LibraryEntry& e) {
    if (reference->revision.empty()) return true;
    const auto manifest = Manifest::load(home_.models / e.name.path());
    const auto* const file = manifest && *manifest ? (*manifest)->find(file_of(e)) : nullptr;
    return file != nullptr && (file->asked == reference->revision || file->revision == reference->revision);
  };
  const auto meant = [&](const LibraryEntry& e) {
    return base::equals_ignore_case(e.name.path(), reference->name) && selected(e) && of_revision(e);
  };
  const auto it = std::ranges::find_if(all, meant);
  return it == all.end() ? std::nullopt : std::optional(std::move(*it));
}

Result<LibraryEntry> Library::find(std::string_view text) const {
  HEARTH_TRY(auto own, look_up(text, Scope::kOwn));
  if (own) return *std::move(own);
  if (const auto file = registered_file(text))
    return fail(
        ErrorCode::kModelNotFound,
        fmt::format("model '{0}' not found: its file {1} is gone; put it back, or forget the model with: hearth "
                    "rm {2}",
                    text, *file, base::shell_word(text)),
        "model");
  if (!home_.foreign.empty()) {
    HEARTH_TRY(auto foreign, look_up(text, Scope::kAll));
    if (foreign) return *std::move(foreign);
  }
  return without_weights(text);
}

std::string Library::name_near(std::string_view text) const {
  constexpr std::size_t kSlipMax = 2;
  const std::string wanted = base::to_lower(text);
  std::size_t least = std::min(kSlipMax, wanted.size() / 3) + 1;
  const auto without_owner = [](const std::string& id) { return std::string_view(id).substr(id.rfind('/') + 1); };
  std::string out;
  for (const auto& entry : entries(Scope::kOwn).value_or(std::vector<LibraryEntry>())) {
    const std::string id = entry.id();
    if (base::equals_ignore_case(without_owner(id), wanted)) return id;
    if (wanted.size() + least <= id.size() || id.size() + least <= wanted.size()) continue;
    if (const auto slips = base::edit_distance(wanted, base::to_lower(id)); slips < least) {
      least = slips;
      out = id;
    }
  }
  return out;
}

// Nothing of that name; other tags of it; or a folder in which there is nothing to load, or not yet.
std::unexpected<Error> Library::without_weights(std::string_view text) const {
  const auto name = domain::ModelName::parse(text);
  if (!name) return model_not_found(text);
  if (!is_folder_below(home_.models, name->path())) {
    if (const std::string near = name_near(text); !near.empty())
      return fail(ErrorCode::kModelNotFound,
                  fmt::format("model '{}' not found; did you mean '{}'? See what there is with: hearth list",
                              base::one_line(text), near),
                  "model");
    return model_not_found(text);
  }
  const auto absent = [&](std::string_view why) {
    return fail(ErrorCode::kModelNotFound, fmt::format("model '{}' not found: {}", base::one_line(text), why), "model");
  };
  std::vector<std::string> tags;
  for (const auto& entry : collect(Scope::kOwn, name->path()).value_or(std::vector<LibraryEntry>())) {
    if (base::equals_ignore_case(entry.name.path(), name->path())) tags.push_back(entry.name.tag());
  }
  if (!tags.empty())
    return absent(fmt::format("{} has {}; fetch it with: hearth pull {}", name->path(), fmt::join(tags, ", "),
                              base::shell_word(text)));
  const auto folder = home_.models / name->path();
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() == ".partial")
      return absent(
          fmt::format("it is not all there yet; go on with: hearth pull {0}, or discard it with: hearth rm {0}",
                      base::shell_word(name->path())));
  }
  return absent(fmt::format("{} has no .gguf file, no OpenVINO IR and no safetensors; fetch it with: hearth pull {}",
                            folder.string(), base::shell_word(base::one_line(text))));
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

Result<std::optional<LibraryEntry>> Library::by_short_name(std::string_view name, Scope scope) const {
  if (name.contains('/')) return std::nullopt;
  const auto catalog = this->catalog();
  const auto match = catalog ? catalog->find(name) : std::nullopt;
  if (!match) return std::nullopt;
  HEARTH_TRY(auto all, collect(scope, match->tag.repo));
  const auto meant = [&](const LibraryEntry& e) {
    return base::equals_ignore_case(e.name.path(), match->tag.repo) &&
           (match->quantization.empty() ? e.preferred : base::equals_ignore_case(e.name.tag(), match->quantization));
  };
  const auto it = std::ranges::find_if(all, meant);
  return it == all.end() ? std::nullopt : std::optional(std::move(*it));
}

std::optional<std::string> Library::registered_file(std::string_view text) const {
  const auto wanted = domain::ModelName::parse(text);
  const auto registry = this->registry();
  if (!wanted || !registry) return std::nullopt;
  for (const auto& [slug, entry] : (*registry)->models()) {
    if (!base::starts_with_ignore_case(entry.name, wanted->path())) continue;
    const auto name = domain::ModelName::parse(entry.name);
    if (name && *name == *wanted) return entry.path;
  }
  return std::nullopt;
}

Result<std::vector<LostModel>> Library::lost() const {
  HEARTH_TRY(const auto registry, this->registry());
  std::vector<LostModel> out;
  for (const auto& [slug, entry] : registry->models()) {
    if (auto why = why_lost(entry.path, folders_); !why.empty())
      out.push_back({.name = entry.name, .path = entry.path, .why = std::move(why)});
  }
  add_lost_downloads(home_.models, out);
  return out;
}

std::string Library::id_of(const fs::path& file) const {
  const auto all = entries();
  if (!all) return file.string();
  const auto it = std::ranges::find(*all, file, &LibraryEntry::path);
  return it == all->end() ? file.string() : it->id();
}

}  // namespace hearth::store
