#include "store/provision/s3_push.hpp"

#include <filesystem>
#include <fmt/format.h>

#include "json/writer.hpp"
#include "store/provision/hash_files.hpp"
#include "store/provision/s3_same_model.hpp"
#include "store/provision/s3_source.hpp"

namespace hearth::store::provision {

namespace {

// One push.
class Push {
 public:
  Push(const S3Client& client, const ModelFiles& model, const S3Address& to, const PushOptions& options)
      : client_(client), model_(model), to_(to), options_(options) {}

  Result<Pushed> run(const base::Clock& clock) {
    for (const auto& file : model_.files) {
      HEARTH_CHECK(check_known(file));
      total_ += file.known.size;
    }
    // Asked first: a wrong key or bucket is said before anything is read.
    HEARTH_TRY(auto there, read_s3_manifest(client_, to_, options_.stop));
    if (there) HEARTH_CHECK(check_same_model(model_, *there, to_));
    const Manifest before = there ? *there : Manifest{};
    Manifest manifest = there ? *std::move(there) : Manifest{};
    Pushed out{.name = model_.id, .destination = to_.text(), .up_to_date = true};
    for (const auto& file : model_.files) {
      HEARTH_TRY(auto sent, push(file));
      out.up_to_date = out.up_to_date && sent.was_there;
      auto named = file.known;
      named.digest = sent.digest;
      manifest.put(std::move(named));
      done_ += file.known.size;
      out.files.push_back(std::move(sent));
    }
    if (!model_.source.empty() && model_.source != to_.text())
      manifest.source = model_.source;
    else if (manifest.source.empty())
      manifest.source = to_.text();
    if (!model_.license.empty()) manifest.license = model_.license;
    if (manifest.files == before.files && manifest.source == before.source && manifest.license == before.license)
      return out;
    out.up_to_date = false;
    manifest.fetched_at = base::rfc3339(clock.wall());
    HEARTH_CHECK(client_.ask(to_, {.method = "PUT",
                                   .key = to_.key(kManifestName),
                                   .headers = {{"content-type", "application/json"}},
                                   .body = {.text = manifest.text()},
                                   .stop = options_.stop}));
    return out;
  }

 private:
  Result<Pushed::File> push(const ModelFiles::File& file) {
    const std::string key = to_.key(file.known.name);
    Pushed::File out{.name = file.known.name, .size = file.known.size, .digest = file.known.digest};
    HEARTH_TRY(const auto there, client_.head(to_, key, options_.stop));
    const auto is_same = [&] {
      return there && there->size == out.size && there->digest.known() && there->digest == out.digest;
    };
    // What a manifest says is enough to leave a file out, not to upload it.
    out.was_there = is_same();
    if (out.was_there) return out;
    HEARTH_TRY(auto content, hash(file));
    out.digest = content.sha256;
    out.was_there = is_same();
    if (out.was_there) return out;
    auto how = options_.upload;
    how.stop = options_.stop;
    how.on_progress = [&](std::uint64_t sent, const std::string& trouble) {
      tell({.phase = PushProgress::Phase::kUploading,
            .file = out.name,
            .total = total_,
            .done = done_ + sent,
            .trouble = trouble});
    };
    HEARTH_CHECK(upload_to_s3(client_, to_, {.path = file.path, .key = key, .content = std::move(content)}, how));
    return out;
  }

  // What is cheap to see. The digest is compared before anything of the file is sent.
  [[nodiscard]] Result<void> check_known(const ModelFiles::File& file) const {
    std::error_code error;
    const auto size = std::filesystem::file_size(file.path, error);
    if (error) return fail(ErrorCode::kIo, fmt::format("cannot read {}: {}", file.path.string(), error.message()));
    if (size != file.known.size)
      return damaged(file, fmt::format("it has {} bytes, and {} are known of it", size, file.known.size));
    if (file.known.broken) return damaged(file, "a check has found other content in it");
    return {};
  }

  [[nodiscard]] std::unexpected<Error> damaged(const ModelFiles::File& file, std::string_view why) const {
    return fail(ErrorCode::kBackendError, fmt::format("{} is not what was fetched: {}; see: hearth models verify {}",
                                                      file.path.string(), why, model_.id));
  }

  Result<FileDigests> hash(const ModelFiles::File& file) {
    const auto& known = file.known;
    PushProgress progress{.phase = PushProgress::Phase::kHashing, .file = known.name, .total = known.size};
    HEARTH_TRY(auto content, hash_in_parts(file.path, known.size, part_bytes_of(known.size, options_.upload),
                                           known.digest.kind, options_.stop, [&](std::uint64_t done) {
                                             progress.done = done;
                                             tell(progress);
                                           }));
    if (known.digest.known() && known.digest != content.own)
      return damaged(file, fmt::format("it has the digest {}, and {} is known of it", to_text(content.own),
                                       to_text(known.digest)));
    return content;
  }

  void tell(const PushProgress& progress) const {
    if (options_.on_progress) options_.on_progress(progress);
  }

  const S3Client& client_;
  const ModelFiles& model_;
  const S3Address& to_;
  const PushOptions& options_;
  std::uint64_t total_ = 0;
  std::uint64_t done_ = 0;
};

}  // namespace

std::string to_json(const Pushed& pushed) {
  std::uint64_t size = 0;
  std::uint64_t uploaded = 0;
  json::Writer w;
  w.begin_object().field("name", pushed.name).field("destination", pushed.destination).key("files").begin_array();
  for (const auto& file : pushed.files) {
    w.begin_object().field("name", file.name).field("size", file.size).field("digest", to_text(file.digest));
    w.field("uploaded", !file.was_there).end_object();
    size += file.size;
    uploaded += file.was_there ? 0 : file.size;
  }
  w.end_array().field("size", size).field("uploaded_size", uploaded).field("up_to_date", pushed.up_to_date);
  w.end_object();
  return std::move(w).take();
}

Result<Pushed> push_to_s3(const S3Client& client, const ModelFiles& model, const S3Address& to,
                          const base::Clock& clock, const PushOptions& options) {
  if (to.is_file())
    return fail(ErrorCode::kInvalidRequest,
                fmt::format("{} is the address of a file; models are pushed to s3://BUCKET/PREFIX", to.text()));
  Push push(client, model, to, options);
  return push.run(clock);
}

}  // namespace hearth::store::provision
