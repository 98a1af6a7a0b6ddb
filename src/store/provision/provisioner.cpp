#include "store/provision/provisioner.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <set>
#include <system_error>
#include <thread>

#include "base/strings.hpp"
#include "domain/model_name.hpp"
#include "store/fetch/partial_file.hpp"
#include "store/file_lock.hpp"
#include "store/gguf_parse.hpp"
#include "store/provision/hash_files.hpp"

namespace hearth::store::provision {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kPeekBytes = 256 << 10;
constexpr auto kLockPause = 200ms;

void tell(const PullOptions& options, PullProgress progress) {
  if (options.on_progress) options.on_progress(progress);
}

std::uint64_t total(const std::vector<PublishedFile>& files) {
  std::uint64_t out = 0;
  for (const auto& file : files) out += file.size;
  return out;
}

std::string described(const Publication& published, const Choice& choice) {
  return fmt::format("{}{}, {}: {}", published.source, choice.quantization.empty() ? "" : ":" + choice.quantization,
                     base::human({total(choice.files)}), choice.reason);
}

// Names that a publisher chose freely, before any of them becomes a path.
Result<void> check_names(const Publication& published, const Choice& choice) {
  std::set<std::string> seen;
  for (const auto& file : choice.files) {
    auto fine = check_file_name(file.name);
    if (fine && !seen.insert(base::to_lower(file.name)).second)
      fine = fail(ErrorCode::kForbidden, fmt::format("two files named '{}' but for upper and lower case", file.name));
    if (!fine)
      return fail(fine.error().code,
                  fmt::format("{} publishes {}; nothing was fetched", published.source, fine.error().message));
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

bool is_as_published(const Manifest& manifest, const fs::path& folder, const PublishedFile& file) {
  const auto* known = manifest.find(file.name);
  std::error_code error;
  return known != nullptr && known->size == file.size && (!file.digest.known() || known->digest == file.digest) &&
         fs::file_size(folder / file.name, error) == file.size && !error;
}

// The bytes of a model that another process is fetching.
fetch::Progress seen_progress(const fs::path& folder, const Choice& choice) {
  fetch::Progress out;
  for (const auto& file : choice.files) {
    out.total += file.size;
    std::error_code error;
    const auto size = fs::file_size(folder / file.name, error);
    out.present += !error && size == file.size ? size : fetch::partial_bytes(folder / file.name).value_or(0);
  }
  return out;
}

// Waits until no other process writes this model; `waiting` is called meanwhile.
Result<FileLock> sole_writer(const fs::path& models, const Publication& published, const std::stop_token& stop,
                             const std::function<void()>& waiting) {
  const auto file = models / ".locks" / (domain::slug_of(published.source) + ".lock");
  while (true) {
    auto lock = FileLock::try_take(file);
    if (lock || lock.error().code != ErrorCode::kConflict) return lock;
    if (stop.stop_requested()) return fail(ErrorCode::kCancelled, "stopped waiting for another process, which goes on");
    waiting();
    std::this_thread::sleep_for(kLockPause);  // flock has no wait that can be interrupted
  }
}

}  // namespace

Result<Pulled> Provisioner::pull(const Reference& reference, const PullOptions& options) const {
  switch (reference.kind) {
    case Reference::Kind::kName:
    case Reference::Kind::kHub: return options_.offline ? what_is_here(reference) : pull_from_hub(reference, options);
    case Reference::Kind::kFile:
      return fail(ErrorCode::kInvalidRequest, fmt::format("{} is a file; use it where it lies with: hearth import {}",
                                                          reference.name, reference.name));
    default:
      return fail(ErrorCode::kUnsupported,
                  fmt::format("{}: this version fetches from the Hugging Face hub only", to_text(reference)));
  }
}

Result<Pulled> Provisioner::what_is_here(const Reference& reference) const {
  const auto folder = options_.home.models / reference.name;
  HEARTH_TRY(const auto manifest, Manifest::load(folder));
  if (!manifest)
    return fail(ErrorCode::kUnavailable,
                fmt::format("{} is not here, and HF_HUB_OFFLINE forbids to fetch it", to_text(reference)));
  Publication published{.source = manifest->source, .revision = manifest->revision, .license = {}, .files = {}};
  for (const auto& file : manifest->files)
    published.files.push_back({.name = file.name, .size = file.size, .digest = file.digest});
  HEARTH_TRY(const auto choice, choose(published, {.selector = reference.selector}));
  for (const auto& file : choice.files) {
    if (!is_as_published(*manifest, folder, file))
      return fail(ErrorCode::kUnavailable, fmt::format("{} of {} is not here, and HF_HUB_OFFLINE forbids to fetch it",
                                                       file.name, to_text(reference)));
  }
  return Pulled{.source = published.source,
                .revision = published.revision,
                .folder = folder,
                .weights = weights_of(folder, choice),
                .format = choice.format,
                .quantization = choice.quantization,
                .reason = choice.reason,
                .size = total(choice.files),
                .up_to_date = true};
}

Result<Choice> Provisioner::choose_from(const Hub& hub, const Publication& published, const Reference& reference,
                                        const PullOptions& options) const {
  ChooseOptions how{.selector = reference.selector,
                    .preference = options.preference,
                    .memory_budget = options.memory_budget,
                    .memory_needed = {}};
  // All variants of a model have one shape: what its cache takes is read from the first header, once.
  std::optional<base::Bytes> besides;
  how.memory_needed = [&](const std::vector<PublishedFile>& files) -> base::Bytes {
    const std::uint64_t weights = total(files);
    if (!besides) {
      const auto bytes = hub.head(published, files.front(), kPeekBytes, options.stop);
      const auto parsed =
          bytes ? parse_gguf_prefix(*bytes, files.front().size, files.front().name) : GgufParse{.header = GgufHeader{}};
      const bool known = parsed.header && !parsed.header->architecture().empty();
      const auto estimate = known ? estimate_memory(*parsed.header, options.shape) : MemoryEstimate{};
      besides = known ? estimate.kv_cache + estimate.compute : base::Bytes{weights / 8};
    }
    return base::Bytes{weights} + *besides;
  };
  return choose(published, how);
}

Result<Pulled> Provisioner::pull_from_hub(const Reference& reference, const PullOptions& options) const {
  const Hub hub(options_.hub);
  tell(options, {.phase = PullProgress::Phase::kResolving, .choice = {}, .bytes = {}});
  HEARTH_TRY(const auto published, hub.look_up(reference.name, reference.revision, options.stop));
  HEARTH_TRY(const auto choice, choose_from(hub, published, reference, options));
  HEARTH_CHECK(check_names(published, choice));
  HEARTH_TRY(const auto id, parse_reference(published.source));  // the source's own spelling is checked like a person's
  const fs::path folder = options_.home.models / id.name;
  HEARTH_TRY(const bool fetched, fetch_missing(hub, published, choice, reference, folder, options));
  return Pulled{.source = published.source,
                .revision = published.revision,
                .folder = folder,
                .weights = weights_of(folder, choice),
                .format = choice.format,
                .quantization = choice.quantization,
                .reason = choice.reason,
                .size = total(choice.files),
                .up_to_date = !fetched};
}

// False: everything was there already.
Result<bool> Provisioner::fetch_missing(const Hub& hub, const Publication& published, const Choice& choice,
                                        const Reference& reference, const fs::path& folder,
                                        const PullOptions& options) const {
  PullProgress progress{.phase = PullProgress::Phase::kWaiting, .choice = described(published, choice), .bytes = {}};
  HEARTH_TRY(const auto lock, sole_writer(options_.home.models, published, options.stop, [&] {
               progress.bytes = seen_progress(folder, choice);
               tell(options, progress);
             }));
  HEARTH_TRY(auto known, Manifest::load(folder));
  Manifest manifest = known ? *std::move(known) : Manifest{};
  manifest.source = published.source;
  manifest.revision = reference.revision.empty() ? "main" : reference.revision;
  manifest.license = published.license;
  std::vector<PublishedFile> missing;
  for (const auto& file : choice.files) {
    if (!is_as_published(manifest, folder, file)) missing.push_back(file);
  }
  if (missing.empty()) return false;

  // Files that somebody put there are worth a look before they are fetched.
  progress.phase = PullProgress::Phase::kChecking;
  const auto put = [&](const PublishedFile& file, const fetch::Digest& digest) {
    manifest.put({.name = file.name, .size = file.size, .digest = digest, .revision = published.revision});
  };
  std::erase_if(missing, [&](const PublishedFile& file) {
    std::error_code error;
    if (!file.digest.known() || fs::file_size(folder / file.name, error) != file.size || error) return false;
    tell(options, progress);
    const auto digest = hash_file(folder / file.name, file.digest.kind, options.stop);
    if (!digest || *digest != file.digest) return false;
    put(file, *digest);
    return true;
  });

  std::vector<fetch::File> wishes;
  for (const auto& file : missing)
    wishes.push_back({.urls = {hub.url(published, file)},
                      .headers = hub.headers(),
                      .path = folder / file.name,
                      .size = file.size,
                      .digest = file.digest});
  auto how = options_.download;
  how.net = options_.hub.net;
  how.stop = options.stop;
  progress.phase = PullProgress::Phase::kDownloading;
  how.on_progress = [&](const fetch::Progress& bytes) {
    progress.bytes = bytes;
    tell(options, progress);
  };
  HEARTH_TRY(const auto fetched, fetch::download(wishes, how));
  for (std::size_t i = 0; i < missing.size(); ++i) put(missing[i], fetched[i].digest);
  manifest.fetched_at = base::rfc3339(clock_.wall());
  HEARTH_CHECK(manifest.save(folder));
  log_.info("fetched {} at {} into {}", published.source, published.revision, folder.string());
  return !missing.empty();
}

}  // namespace hearth::store::provision
