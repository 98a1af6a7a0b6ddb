#include "store/provision/provisioner.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <set>
#include <system_error>
#include <thread>

#include "base/strings.hpp"
#include "domain/model_name.hpp"
#include "json/writer.hpp"
#include "store/catalog.hpp"
#include "store/fetch/partial_file.hpp"
#include "store/file_lock.hpp"
#include "store/gguf_parse.hpp"
#include "store/openvino_ir.hpp"
#include "store/provision/hash_files.hpp"
#include "store/registry.hpp"
#include "store/safetensors.hpp"
#include "store/scan.hpp"

namespace hearth::store::provision {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kPeekBytes = 256 << 10;
constexpr auto kLockPause = 200ms;

void tell(const PullOptions& options, PullProgress progress) {
  if (options.on_progress) options.on_progress(progress);
}

std::string described(const Publication& published, const Choice& choice) {
  return fmt::format("{}{}, {}: {}", published.source, choice.quantization.empty() ? "" : ":" + choice.quantization,
                     base::human({total(choice.files)}), choice.reason);
}

// Names that a publisher chose freely, before any of them becomes a path.
Result<void> check_names(const Publication& published, const Choice& choice) {
  HEARTH_CHECK(check_file_name(published.folder));
  std::set<std::string> seen;
  for (const auto& file : choice.files) {
    auto fine = check_file_name(file.name);
    if (fine && !seen.insert(base::to_lower(file.name)).second)
      fine = fail(ErrorCode::kForbidden, fmt::format("two files named '{}' but for upper and lower case", file.name));
    if (!fine)
      return fail(fine.error().code,
                  fmt::format("{}: {}; nothing was fetched", published.source, fine.error().message));
  }
  return {};
}

fs::path weights_of(const fs::path& folder, const Choice& choice) {
  for (const auto& file : choice.files) {
    for (const auto* extension : {".gguf", ".xml", ".safetensors"}) {
      if (base::ends_with_ignore_case(file.name, extension)) return folder / file.name;
    }
  }
  return folder;
}

Pulled pulled(const Publication& published, const Choice& choice, const fs::path& folder, bool up_to_date) {
  return {.source = published.source,
          .revision = published.revision,
          .folder = folder,
          .weights = weights_of(folder, choice),
          .format = choice.format,
          .quantization = choice.quantization,
          .reason = choice.reason,
          .size = total(choice.files),
          .up_to_date = up_to_date};
}

// By the manifest; where no digest was published, what came from the same source with the same ETag, or without one,
// is taken for the same.
bool is_as_published(const Manifest& manifest, const std::string& source, const fs::path& folder,
                     const PublishedFile& file) {
  const auto* known = manifest.find(file.name);
  std::error_code error;
  if (!file.digest.known() && (manifest.source != source || (known != nullptr && known->etag != file.etag)))
    return false;
  return known != nullptr && !known->broken && known->size == file.size.value_or(known->size) &&
         known->settings == file.settings && (!file.digest.known() || known->digest == file.digest) &&
         fs::file_size(folder / file.name, error) == known->size && !error;
}

// The bytes of a model that another process is fetching.
fetch::Progress seen_progress(const fs::path& folder, const Choice& choice) {
  fetch::Progress out;
  for (const auto& file : choice.files) {
    out.total += file.size.value_or(0);
    std::error_code error;
    const auto size = fs::file_size(folder / file.name, error);
    out.present +=
        !error && size == file.size.value_or(size) ? size : fetch::partial_bytes(folder / file.name).value_or(0);
  }
  return out;
}

// A refusal in the middle of what could be listed: the repository is gated, or keys may list and not read.
Error with_remedy(Error error, const Publication& published) {
  const bool refused = error.code == ErrorCode::kUnauthorized || error.code == ErrorCode::kForbidden;
  if (refused && !published.page.empty())
    error.message += fmt::format("; {} is gated: accept its terms at {}, then give hearth your token: hearth login hf",
                                 published.source, published.page);
  if (error.code == ErrorCode::kNotFound) error.code = ErrorCode::kModelNotFound;
  if (refused && published.source.starts_with("s3://"))
    error.message +=
        fmt::format("; what is below {} can be listed but not read: the keys need s3:GetObject", published.source);
  return error;
}

// A folder in which nothing has come, and the organisation's. What is no folder stays: files and links are somebody's.
void remove_if_empty(const fs::path& models, fs::path folder) {
  std::error_code error;
  for (; folder != models && folder.has_relative_path(); folder = folder.parent_path()) {
    if (fs::symlink_status(folder, error).type() != fs::file_type::directory || !fs::remove(folder, error)) return;
  }
}

// Whether anything can read the weights.
Result<void> check_fetched(const fs::path& weights) {
  const auto format = format_of(weights.string());
  if (format == kSafetensors) return check_safetensors(weights);
  if (format == kOpenvino) {
    HEARTH_TRY(const auto graph, read_openvino_ir(weights));
    (void)graph;
    return {};
  }
  return check_structure(weights);
}

// A short name that nobody knows may be a slip.
Error with_search(Error error, const Reference& asked) {
  if (error.code == ErrorCode::kModelNotFound && asked.kind == Reference::Kind::kName && !asked.name.contains('/'))
    error.message += fmt::format("; names that hearth knows: hearth search {}", asked.name);
  return error;
}

// Waits until no other process writes this model; `waiting` is called meanwhile.
Result<FileLock> sole_writer(const Home& home, const std::string& model, const std::stop_token& stop,
                             const std::function<void()>& waiting) {
  const auto file = home.model_lock(model);
  while (true) {
    auto lock = FileLock::try_take(file);
    if (lock || lock.error().code != ErrorCode::kConflict) return lock;
    if (stop.stop_requested())
      return fail(ErrorCode::kCancelled, "stopped waiting for who fetches it and goes on: " + lock.error().message);
    waiting();
    std::this_thread::sleep_for(kLockPause);  // flock has no wait that can be interrupted
  }
}

}  // namespace

std::string_view to_string(PullProgress::Phase phase) {
  switch (phase) {
    case PullProgress::Phase::kResolving: return "resolving";
    case PullProgress::Phase::kChecking: return "checking";
    case PullProgress::Phase::kWaiting: return "waiting";
    case PullProgress::Phase::kDownloading: return "downloading";
  }
  return "downloading";
}

std::string to_json(const Pulled& p, std::string_view name) {
  json::Writer w;
  w.begin_object().field("name", name).field("source", p.source).field("revision", p.revision);
  w.field("model_dir", p.folder.string()).field("path", p.weights.string()).field("format", p.format);
  w.field("quantization", p.quantization).field("reason", p.reason).field("size", p.size);
  w.field("up_to_date", p.up_to_date).end_object();
  return std::move(w).take();
}

Result<const Source*> Provisioner::source_of(const Reference& reference) const {
  switch (reference.kind) {
    case Reference::Kind::kName:
    case Reference::Kind::kHub: return &hub_;
    case Reference::Kind::kUrl: return &web_;
    case Reference::Kind::kFile:
      return fail(ErrorCode::kInvalidRequest, fmt::format("{} is a file; use it where it lies with: hearth import {}",
                                                          reference.name, reference.name));
    case Reference::Kind::kOllama: return &ollama_;
    case Reference::Kind::kS3: return &s3_;
  }
  return &hub_;
}

Result<Provisioner::Wish> Provisioner::resolve(const Reference& reference) const {
  Wish out{.reference = reference, .pattern = {}};
  if (reference.kind != Reference::Kind::kName || reference.name.contains('/')) return out;
  HEARTH_TRY(const auto catalog, Catalog::load(options_.home.catalogs()));
  const auto* const model = catalog.model(reference.name);
  if (model == nullptr) return out;
  const auto match = catalog.find(to_text({.name = reference.name, .selector = reference.selector}));
  if (!match) {
    std::vector<std::string> tags;
    for (const auto& tag : model->tags) tags.push_back(tag.tag);
    return fail(ErrorCode::kModelNotFound,
                fmt::format("{} has no '{}'; there are {}", model->name, reference.selector, fmt::join(tags, ", ")),
                "model");
  }
  out.reference = {.kind = Reference::Kind::kHub,
                   .name = match->tag.repo,
                   .revision = reference.revision,
                   .selector = match->quantization};
  out.pattern = match->tag.files;
  return out;
}

// A bundled model is never fetched; one that was deleted is there again.
Result<std::optional<Pulled>> Provisioner::bundled(const Reference& asked) const {
  const auto& root = options_.home.bundled;
  if (root.empty() || asked.kind != Reference::Kind::kName || !asked.revision.empty()) return std::nullopt;
  for (const auto& found : scan_models(root)) {
    if (!base::equals_ignore_case(found.model, asked.name)) continue;
    if (selects(asked.selector) && !base::equals_ignore_case(found.tag, asked.selector)) continue;
    HEARTH_CHECK(show_again({.source = {}, .folder = found.model}));
    const fs::path file = found.path;
    std::error_code error;
    return Pulled{.source = "bundled",
                  .revision = {},
                  .folder = file.parent_path(),
                  .weights = file,
                  .format = "gguf",
                  .quantization = base::to_upper(found.tag),
                  .reason = "it comes with hearth",
                  .size = fs::file_size(file, error),
                  .up_to_date = true};
  }
  return std::nullopt;
}

Result<Pulled> Provisioner::pull(const Reference& asked, const PullOptions& options) const {
  if (options.folder.empty()) {
    HEARTH_TRY(auto here, bundled(asked));
    if (here) return *std::move(here);
  }
  HEARTH_TRY(const auto wish, resolve(asked));
  const auto& reference = wish.reference;
  if (options_.offline) return what_is_here(reference);
  HEARTH_TRY(const Source* const source, source_of(reference));
  tell(options, {.phase = PullProgress::Phase::kResolving, .choice = {}, .files = {}, .bytes = {}});
  auto looked_up = source->look_up(reference, options.stop);
  if (!looked_up) return std::unexpected(with_search(std::move(looked_up).error(), asked));
  const auto& published = *looked_up;
  for (const auto& note : published.notes) log_.warn("{}: {}", to_text(reference), note);
  HEARTH_TRY(const auto choice, choose_from(published, wish, options));
  HEARTH_CHECK(check_names(published, choice));
  HEARTH_TRY(const bool fetched, fetch_missing(published, choice, reference, options));
  if (options.folder.empty()) HEARTH_CHECK(show_again(published));
  auto out = pulled(published, choice, folder_of(published, options), !fetched);
  // What is published can be broken: better said now than when somebody waits for its answer.
  if (fetched) {
    if (const auto fine = check_fetched(out.weights); !fine)
      log_.warn("{} is here as it is published, but nothing can run it: {}", to_text(asked), fine.error().message);
  }
  return out;
}

// An id that another model has, which lies elsewhere, would hide what is fetched.
Result<void> Provisioner::check_is_free(const Publication& published, const Choice& choice,
                                        const Reference& reference) const {
  // What it will be called, and what was asked for.
  std::string tag = base::to_lower(choice.quantization);
  if (tag.empty() && reference.kind == Reference::Kind::kOllama) tag = reference.selector;
  std::vector<std::string> taken{fmt::format("{}:{}", published.folder, tag.empty() ? "latest" : tag)};
  if (!selects(reference.selector)) taken.push_back(published.folder + ":latest");
  HEARTH_TRY(const auto registry, Registry::load(options_.home.registry()));
  const auto folder = (options_.home.models / published.folder / "").lexically_normal().string();
  for (const auto& [slug, model] : registry.models()) {
    const auto name = domain::ModelName::parse(model.name);
    const auto same = [&](const std::string& id) { return name && base::equals_ignore_case(name->full(), id); };
    if (std::ranges::none_of(taken, same)) continue;
    if (fs::path(model.path).lexically_normal().string().starts_with(folder)) continue;
    return fail(ErrorCode::kConflict,
                fmt::format("a model with the id '{0}' is here already ({1}), and would hide this one; delete that id "
                            "first with: hearth rm {2}",
                            model.name, model.path, base::shell_word(model.name)),
                "model");
  }
  return {};
}

Result<Changes> Provisioner::check(const Reference& asked, const PullOptions& options) const {
  if (options_.offline) return fail(ErrorCode::kUnavailable, "HF_HUB_OFFLINE forbids to ask");
  HEARTH_TRY(const auto wish, resolve(asked));
  HEARTH_TRY(const Source* const source, source_of(wish.reference));
  HEARTH_TRY(const auto published, source->look_up(wish.reference, options.stop));
  HEARTH_TRY(const auto choice, choose_from(published, wish, options));
  HEARTH_CHECK(check_names(published, choice));
  const auto folder = folder_of(published, options);
  HEARTH_TRY(const auto known, Manifest::load(folder));
  Changes out{.revision = published.revision};
  for (const auto& file : choice.files) {
    if (known && is_as_published(*known, published.source, folder, file)) continue;
    out.files.push_back(file.name);
    out.size += file.size.value_or(0);
  }
  return out;
}

// A model whose name was deleted while its weights were in use is wanted again.
Result<void> Provisioner::show_again(const Publication& published) const {
  HEARTH_TRY(const auto registry, Registry::load(options_.home.registry()));
  const auto meant = [&](const std::string& hidden) {
    const auto name = domain::ModelName::parse(hidden);
    return name && base::equals_ignore_case(name->path(), published.folder);
  };
  if (std::ranges::none_of(registry.hidden(), meant)) return {};
  return Registry::update(options_.home.registry(), [&](Registry& r) -> Result<void> {
    for (const auto& name : std::vector(r.hidden())) {
      if (meant(name)) r.set_hidden(name, false);
    }
    return {};
  });
}

Result<Pulled> Provisioner::what_is_here(const Reference& reference) const {
  const auto absent = [&](std::string_view what) {
    return fail(ErrorCode::kUnavailable, fmt::format("{} is not here, and HF_HUB_OFFLINE forbids to fetch it", what),
                "model");
  };
  std::string name = reference.name;
  if (reference.kind == Reference::Kind::kUrl) {
    HEARTH_TRY(const auto published, WebFile::describe(reference));
    name = published.folder;
  } else if (reference.kind == Reference::Kind::kS3) {
    name = S3Address::of(reference).model_name();
  } else if (reference.kind == Reference::Kind::kFile) {
    return absent(to_text(reference));
  }
  const auto folder = options_.home.models / name;
  HEARTH_TRY(const auto manifest, Manifest::load(folder));
  const bool other = manifest && reference.kind == Reference::Kind::kS3 && manifest->source != reference.name;
  if (!manifest || other) return absent(to_text(reference));
  Publication published{.source = manifest->source, .folder = name, .revision = manifest->revision};
  const bool tagged = reference.kind == Reference::Kind::kOllama;
  const std::string tail = fmt::format("{}@{}.gguf", name.substr(name.rfind('/') + 1),
                                       reference.selector.empty() ? "latest" : reference.selector);
  for (const auto& file : manifest->files) {
    if (!tagged || file.name.ends_with(tail))
      published.files.push_back(
          {.name = file.name, .size = file.size, .digest = file.digest, .settings = file.settings, .etag = file.etag});
  }
  if (published.files.empty()) return absent(to_text(reference));
  published.complete = tagged;
  HEARTH_TRY(const auto choice, choose(published, {.selector = reference.selector}));
  for (const auto& file : choice.files) {
    if (!is_as_published(*manifest, published.source, folder, file))
      return absent(to_text(reference) + ": " + file.name);
  }
  return pulled(published, choice, folder, true);
}

Result<Choice> Provisioner::choose_from(const Publication& published, const Wish& wish,
                                        const PullOptions& options) const {
  ChooseOptions how{.selector = wish.reference.selector,
                    .pattern = wish.pattern,
                    .preference = options.preference,
                    .memory_budget = options.memory_budget,
                    .memory_needed = {}};
  // All variants of a model have one shape: what its cache takes is read from the first header, once.
  std::optional<base::Bytes> besides;
  how.memory_needed = [&](const std::vector<PublishedFile>& files) -> base::Bytes {
    const std::uint64_t weights = total(files);
    if (!besides) besides = peek_memory(published, files.front(), options).value_or(base::Bytes{weights / 8});
    return base::Bytes{weights} + *besides;
  };
  return choose(published, how);
}

// What a model takes besides its weights, by the beginning of its file; nothing if that does not tell.
std::optional<base::Bytes> Provisioner::peek_memory(const Publication& published, const PublishedFile& file,
                                                    const PullOptions& options) const {
  const fetch::Call call{.url = file.url,
                         .headers = published.headers,
                         .plain_headers = {fmt::format("range: bytes=0-{}", kPeekBytes - 1)}};
  const auto answer = fetch::get(call, options_.hub.net, kPeekBytes, options.stop);
  if (!answer || answer->status / 100 != 2) return std::nullopt;
  const auto parsed = parse_gguf_prefix(answer->body, file.size.value_or(answer->body.size()), file.name);
  if (!parsed.header || parsed.header->architecture().empty()) return std::nullopt;
  const auto estimate = estimate_memory(*parsed.header, options.shape);
  return estimate.kv_cache + estimate.compute;
}

// False: everything was there already.
Result<bool> Provisioner::fetch_missing(const Publication& published, const Choice& choice, const Reference& reference,
                                        const PullOptions& options) const {
  const fs::path folder = folder_of(published, options);
  PullProgress progress{
      .phase = PullProgress::Phase::kWaiting, .choice = described(published, choice), .files = {}, .bytes = {}};
  HEARTH_TRY(const auto lock,
             sole_writer(options_.home, options.folder.empty() ? published.folder : folder.string(), options.stop, [&] {
               progress.bytes = seen_progress(folder, choice);
               tell(options, progress);
             }));
  HEARTH_TRY(auto known, Manifest::load(folder));
  Manifest manifest = known ? *std::move(known) : Manifest{};
  if (manifest.has_weights() && manifest.source != published.source)
    return fail(ErrorCode::kConflict,
                options.folder.empty()
                    ? fmt::format("{} is there already, from {}; to have {} instead, first: hearth rm {}",
                                  published.folder, manifest.source, published.source, published.folder)
                    : fmt::format("{} holds {} already; choose another folder for {}", folder.string(), manifest.source,
                                  published.source),
                "model");
  std::vector<PublishedFile> missing;
  for (const auto& file : choice.files) {
    if (!is_as_published(manifest, published.source, folder, file)) missing.push_back(file);
  }
  const Manifest known_before = manifest;
  const std::string before = manifest.text();
  manifest.source = published.source;
  manifest.revision = reference.revision;
  manifest.license = published.license;
  for (auto& file : manifest.files) {  // what is there is what was asked for now
    if (std::ranges::find(choice.files, file.name, &PublishedFile::name) == choice.files.end()) continue;
    if (std::ranges::find(missing, file.name, &PublishedFile::name) != missing.end()) continue;
    file.asked = reference.revision;
    file.revision = published.revision;
  }
  if (missing.empty()) {
    if (manifest.text() != before) HEARTH_CHECK(manifest.save(folder));
    return false;
  }
  if (options.folder.empty()) HEARTH_CHECK(check_is_free(published, choice, reference));

  // Files that somebody put there are worth a look before they are fetched.
  progress.phase = PullProgress::Phase::kChecking;
  const auto put = [&](const PublishedFile& file, std::uint64_t size, const fetch::Digest& digest) {
    manifest.put({.name = file.name,
                  .size = size,
                  .digest = digest,
                  .revision = published.revision,
                  .asked = reference.revision,
                  .etag = file.digest.known() ? "" : file.etag,
                  .settings = file.settings});
  };
  std::string theirs;  // a file that nobody has fetched, of the name of one that is wanted
  std::erase_if(missing, [&](const PublishedFile& file) {
    std::error_code error;
    if (!file.digest.known() || !fs::exists(fs::symlink_status(folder / file.name, error))) return false;
    tell(options, progress);
    const auto digest = fs::file_size(folder / file.name, error) == file.size && !error
                            ? hash_file(folder / file.name, file.digest.kind, options.stop)
                            : Result<fetch::Digest>(fetch::Digest{});
    if (digest && *digest == file.digest) {
      put(file, *file.size, *digest);
      return true;
    }
    if (known_before.find(file.name) == nullptr) theirs = (folder / file.name).string();
    return false;
  });

  if (options.stop.stop_requested()) return fail(ErrorCode::kCancelled, "stopped before anything was fetched");
  if (!theirs.empty())
    return fail(ErrorCode::kConflict,
                fmt::format("{} is there already, and is not what is published; move it away first", theirs), "model");
  std::vector<fetch::File> wishes;
  for (const auto& file : missing)
    wishes.push_back({.urls = {file.url},
                      .headers = published.headers,
                      .path = folder / file.name,
                      .size = file.size,
                      .digest = file.digest});
  auto how = options_.download;
  how.net = options_.hub.net;
  how.size_max = ChooseOptions{}.size_max.count;
  how.stop = options.stop;
  progress.phase = PullProgress::Phase::kDownloading;
  progress.files = missing;
  how.on_progress = [&](const fetch::Progress& bytes) {
    progress.bytes = bytes;
    tell(options, progress);
  };
  const auto result = fetch::download(wishes, how);
  if (!result) {
    if (options.folder.empty()) remove_if_empty(options_.home.models, folder);
    return std::unexpected(with_remedy(result.error(), published));
  }
  const auto& fetched = *result;
  for (std::size_t i = 0; i < missing.size(); ++i) put(missing[i], fetched[i].size, fetched[i].digest);
  manifest.fetched_at = base::rfc3339(clock_.wall());
  HEARTH_CHECK(manifest.save(folder));
  log_.info("fetched {} at {} into {}", published.source, published.revision, folder.string());
  return !missing.empty();
}

}  // namespace hearth::store::provision
