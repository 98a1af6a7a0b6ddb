#include "store/provision/s3_source.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/strings.hpp"

namespace hearth::store::provision {

namespace {

constexpr std::size_t kPageBytesMax = 16 << 20;
constexpr std::size_t kManifestBytesMax = 4 << 20;
constexpr std::size_t kObjectsMax = 20'000;
constexpr std::size_t kShownMax = 10;

std::unexpected<Error> absent(const S3Address& address, std::string_view what) {
  return fail(ErrorCode::kModelNotFound, fmt::format("Model '{}' not found: {}", address.text(), what), "model");
}

// The files that a manifest names, of those that are there.
Result<std::vector<PublishedFile>> by_manifest(const Manifest& manifest, const S3Address& address,
                                               const std::vector<PublishedFile>& there) {
  std::vector<PublishedFile> out;
  for (const auto& file : manifest.files) {
    const auto it = std::ranges::find(there, file.name, &PublishedFile::name);
    if (it == there.end() && address.is_file()) continue;
    if (it == there.end() || it->size != file.size)
      return fail(ErrorCode::kBackendError,
                  fmt::format("{}: {} there names {} of {} bytes, which is not there; push the model again",
                              address.folder().text(), kManifestName, file.name, file.size),
                  "model");
    out.push_back({.name = file.name, .size = file.size, .digest = file.digest, .settings = file.settings});
  }
  return out;
}

}  // namespace

Result<std::optional<Manifest>> read_s3_manifest(const S3Client& client, const S3Address& address,
                                                 std::stop_token stop) {
  const auto folder = address.folder();
  const auto answer =
      client.ask(folder, {.key = folder.key(kManifestName), .answer_max = kManifestBytesMax, .stop = std::move(stop)});
  if (!answer && answer.error().code == ErrorCode::kNotFound) return std::nullopt;
  if (!answer) return std::unexpected(answer.error());
  auto manifest = Manifest::parse(answer->body);
  if (!manifest)
    return fail(ErrorCode::kBackendError,
                fmt::format("{}: {} there is no manifest: {}", folder.text(), kManifestName, manifest.error().message));
  return *std::move(manifest);
}

std::vector<PublishedFile> s3_files(const std::vector<S3Object>& objects, std::vector<std::string>& deeper) {
  const std::string tail = fmt::format("/{}", kManifestName);
  for (const auto& object : objects) {
    if (object.key.ends_with(tail)) deeper.push_back(object.key.substr(0, object.key.size() - tail.size()));
  }
  std::vector<PublishedFile> out;
  for (const auto& object : objects) {
    const auto holds = [&](const std::string& folder) { return object.key.starts_with(folder + "/"); };
    if (object.key.empty() || object.key.ends_with('/') || object.key == kManifestName ||
        std::ranges::any_of(deeper, holds))
      continue;
    out.push_back({.name = object.key, .size = object.size, .digest = {}, .etag = object.etag});
  }
  return out;
}

// What the address means of a bucket, with keys relative to its folder.
Result<std::vector<S3Object>> S3Source::list(const S3Address& address, const std::stop_token& stop) const {
  const auto folder = address.folder();
  const std::string base = folder.prefix.empty() ? "" : folder.prefix + "/";
  const std::string prefix = base + (address.is_file() ? stem_of_parts(address.last_part()) : "");
  std::vector<S3Object> out;
  std::string next;
  do {
    S3Pairs query{{"list-type", "2"}, {"prefix", prefix}};
    if (!next.empty()) query.emplace_back("continuation-token", next);
    HEARTH_TRY(const auto answer,
               client_.ask(address, {.query = std::move(query), .answer_max = kPageBytesMax, .stop = stop}));
    auto page = S3Listing::parse(answer.body);
    if (!page) return fail(page.error().code, fmt::format("{}: {}", address.text(), page.error().message));
    for (auto& object : page->objects) {
      if (!object.key.starts_with(prefix)) continue;
      object.key.erase(0, base.size());
      out.push_back(std::move(object));
    }
    if (out.size() > kObjectsMax)
      return fail(
          ErrorCode::kPayloadTooLarge,
          fmt::format("{} has more than {} objects below it; name the model's own prefix", address.text(), kObjectsMax),
          "model");
    next = page->next;
  } while (!next.empty());
  return out;
}

Result<std::vector<PublishedFile>> S3Source::files_of(const S3Address& address, const std::stop_token& stop) const {
  const std::string name = address.last_part();
  const std::string stem = stem_of_parts(name);
  if (address.is_file() && stem.empty()) {  // asked for itself: who may read it may not be allowed to list
    HEARTH_TRY(const auto head, client_.head(address, address.prefix, stop));
    if (!head) return absent(address, "there is no such object");
    return std::vector<PublishedFile>{{.name = name, .size = head->size, .digest = head->digest}};
  }
  HEARTH_TRY(const auto objects, list(address, stop));
  std::vector<std::string> deeper;
  auto out = s3_files(objects, deeper);
  if (address.is_file()) std::erase_if(out, [&](const PublishedFile& f) { return stem_of_parts(f.name) != stem; });
  // A hearth.json by itself names what is missing.
  if (!out.empty() || std::ranges::find(objects, kManifestName, &S3Object::key) != objects.end()) return out;
  if (deeper.empty()) return absent(address, "nothing is below that prefix");
  if (deeper.size() > kShownMax) deeper.resize(kShownMax);
  return absent(address, fmt::format("models lie deeper there, name one of them: {}",
                                     base::one_line(fmt::format("{}", fmt::join(deeper, ", ")))));
}

Result<Publication> S3Source::look_up(const Reference& reference, std::stop_token stop) const {
  const auto address = S3Address::of(reference);
  Publication out{.source = address.text(), .folder = address.model_name()};
  HEARTH_TRY(out.files, files_of(address, stop));
  auto manifest = read_s3_manifest(client_, address, stop);
  // Who may read one file only gets that one.
  const bool refused = !manifest && manifest.error().code == ErrorCode::kForbidden && address.is_file();
  if (!manifest && !refused) return std::unexpected(std::move(manifest).error());
  if (manifest && *manifest) {
    HEARTH_TRY(auto named, by_manifest(**manifest, address, out.files));
    if (!named.empty()) {
      out.files = std::move(named);
      out.license = (*manifest)->license;
      out.revision = sha256_hex((*manifest)->text());
    }
  }
  const auto folder = address.folder();
  for (auto& file : out.files) file.url = client_.presigned(folder, folder.key(file.name));
  return out;
}

}  // namespace hearth::store::provision
