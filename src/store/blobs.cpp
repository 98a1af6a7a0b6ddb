#include "store/blobs.hpp"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "base/files.hpp"
#include "base/strings.hpp"
#include "domain/model_name.hpp"
#include "store/file_lock.hpp"
#include "store/gguf.hpp"
#include "store/manifest.hpp"
#include "store/reference.hpp"
#include "store/registry.hpp"
#include "store/scan.hpp"
#include "store/split_name.hpp"
#include "store/template_check.hpp"

namespace hearth::store {

namespace fs = std::filesystem;

namespace {

constexpr std::chrono::hours kBlobAgeMax{24};

std::unexpected<Error> cannot(const fs::path& path, std::string_view what, int error) {
  return fail(ErrorCode::kIo, fmt::format("cannot {} {}: {}", what, path.string(), base::errno_text(error)));
}

void remove_old(const fs::path& folder) {
  std::error_code error;
  const auto now = fs::file_time_type::clock::now();
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    const auto time = it->last_write_time(ignored);
    if (!ignored && now - time > kBlobAgeMax) fs::remove_all(it->path(), ignored);
  }
}

// One file on its way from the blobs to its model.
struct Move {
  fs::path from;
  fs::path to;
  fetch::Digest digest;
};

Result<std::vector<Move>> moves_of(const Home& home, const domain::ModelName& name,
                                   const std::map<std::string, fetch::Digest>& files) {
  const std::string base = fmt::format("{}@{}", name.path().substr(name.path().rfind('/') + 1), name.tag());
  std::vector<Move> out;
  for (const auto& [file, digest] : files) {
    if (!base::ends_with_ignore_case(file, ".gguf"))
      return fail(ErrorCode::kUnsupported,
                  fmt::format("'{}' is no .gguf file; other formats are converted first", base::one_line(file)),
                  "files");
    const auto blob = blob_path(home, digest);
    std::error_code error;
    if (!fs::is_regular_file(blob, error))
      return fail(
          ErrorCode::kNotFound,
          fmt::format("blob {} is not here; send it first: POST /api/blobs/{}", to_text(digest), to_text(digest)),
          "files");
    const bool projector = is_projector(file);
    auto split = split_name(file);
    if (split) split->prefix = base;
    const std::string weights = split ? split->part(split->number) : base + ".gguf";
    const std::string made = projector ? fmt::format("mmproj-{}.gguf", base) : weights;
    HEARTH_CHECK(check_file_name(made));
    const auto same = std::ranges::find(out, home.models / name.path() / made, &Move::to);
    if (same != out.end())
      return fail(ErrorCode::kInvalidRequest,
                  fmt::format("'{}' is one model file too many; a model has one, the parts of one, and a projector "
                              "(mmproj-*.gguf)",
                              base::one_line(file)),
                  "files");
    out.push_back({.from = blob, .to = home.models / name.path() / made, .digest = digest});
  }
  return out;
}

bool is_weights(const Move& move) {
  const auto file = move.to.filename().string();
  const auto split = split_name(file);
  return !is_projector(file) && (!split || split->number == 1);
}

// Blobs in a folder of their own, under the names that they are to have, to be looked at together. They go back
// unless they are kept.
class Staging {
 public:
  static Result<Staging> of(const Home& home, const std::vector<Move>& moves) {
    Staging out(blobs_folder(home) / ("new-" + base::random_id(8)), moves);
    std::error_code error;
    fs::create_directory(out.folder_, error);
    for (const auto& move : moves) {
      if (!error) fs::rename(move.from, out.path_of(move), error);
      if (error) return fail(ErrorCode::kIo, fmt::format("cannot move {}: {}", move.from.string(), error.message()));
    }
    return out;
  }
  Staging(Staging&& other) noexcept : folder_(std::exchange(other.folder_, {})), moves_(std::move(other.moves_)) {}
  Staging& operator=(Staging&&) = delete;
  ~Staging() {
    if (folder_.empty()) return;
    std::error_code ignored;
    for (const auto& move : moves_) fs::rename(path_of(move), move.from, ignored);
    fs::remove(folder_, ignored);
  }

  [[nodiscard]] fs::path path_of(const Move& move) const { return folder_ / move.to.filename(); }

  // In place of what is there.
  [[nodiscard]] Result<void> keep() const {
    std::error_code error;
    for (const auto& move : moves_) {
      fs::rename(path_of(move), move.to, error);
      if (error) return fail(ErrorCode::kIo, fmt::format("cannot make {}: {}", move.to.string(), error.message()));
    }
    return {};
  }

 private:
  Staging(fs::path folder, std::vector<Move> moves) : folder_(std::move(folder)), moves_(std::move(moves)) {}
  fs::path folder_;
  std::vector<Move> moves_;
};

}  // namespace

fs::path blobs_folder(const Home& home) { return home.models / ".blobs"; }

Result<fetch::Digest> blob_digest(std::string_view text) {
  const auto digest = fetch::parse_digest(text);
  if (!digest || digest->kind != fetch::Digest::Kind::kSha256)
    return fail(
        ErrorCode::kInvalidRequest,
        fmt::format("'{}' is no digest; it looks like sha256: and 64 hex digits", base::one_line(text.substr(0, 100))),
        "digest");
  return *digest;
}

fs::path blob_path(const Home& home, const fetch::Digest& digest) {
  return blobs_folder(home) / ("sha256-" + digest.hex);
}

BlobUpload::BlobUpload(fs::path target, fs::path scratch, std::FILE* file, fetch::Digest expected)
    : target_(std::move(target)),
      scratch_(std::move(scratch)),
      file_(file),
      expected_(std::move(expected)),
      hasher_(fetch::Digest::Kind::kSha256, 0) {}

BlobUpload::~BlobUpload() {
  if (!file_) return;
  std::error_code error;
  fs::remove(scratch_, error);
}

Result<BlobUpload> BlobUpload::begin(const Home& home, const fetch::Digest& expected) {
  const auto folder = blobs_folder(home);
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return fail(ErrorCode::kIo, fmt::format("cannot make {}: {}", folder.string(), error.message()));
  remove_old(folder);
  const auto target = blob_path(home, expected);
  const fs::path scratch = fmt::format("{}.{}", target.string(), base::random_id(8));
  std::FILE* const file = std::fopen(scratch.c_str(), "wbe");
  if (file == nullptr) return cannot(scratch, "write", errno);
  return BlobUpload(target, scratch, file, expected);
}

Result<void> BlobUpload::add(std::string_view bytes) {
  hasher_.add(bytes);
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) != bytes.size()) return cannot(scratch_, "write", errno);
  return {};
}

Result<void> BlobUpload::finish() {
  const auto digest = hasher_.finish();
  if (digest != expected_)
    return fail(ErrorCode::kInvalidRequest,
                fmt::format("the content has digest {}, not {}", to_text(digest), to_text(expected_)), "digest");
  if (std::fflush(file_.get()) != 0 || ::fsync(fileno(file_.get())) != 0) return cannot(scratch_, "write", errno);
  std::error_code error;
  fs::rename(scratch_, target_, error);
  if (error) return fail(ErrorCode::kIo, fmt::format("cannot make {}: {}", target_.string(), error.message()));
  file_.reset();
  return base::sync_folder(target_.parent_path());
}

Result<void> create_from_blobs(const Home& home, std::string_view text,
                               const std::map<std::string, fetch::Digest>& files, const domain::ModelSettings& settings,
                               std::string_view now) {
  HEARTH_TRY(const auto name, parse_new_name(text));
  HEARTH_CHECK(check_file_name(name.path()));
  HEARTH_CHECK(check_template(settings.chat_template));
  HEARTH_TRY(const auto moves, moves_of(home, name, files));
  const auto weights = std::ranges::find_if(moves, is_weights);
  if (weights == moves.end()) return fail(ErrorCode::kInvalidRequest, "no weights among the files", "files");
  HEARTH_TRY(const auto lock, FileLock::take(home.model_lock(name.path())));
  const auto folder = home.models / name.path();
  HEARTH_TRY(auto known, Manifest::load(folder));
  Manifest manifest = known ? *std::move(known) : Manifest{.source = "create"};
  if (manifest.source != "create")
    return fail(ErrorCode::kConflict,
                fmt::format("{} is there already, from {}; choose another name", name.path(), manifest.source),
                "model");
  HEARTH_TRY(const Staging staging, Staging::of(home, moves));
  if (auto fine = check_structure(staging.path_of(*weights)); !fine)
    return fail(ErrorCode::kInvalidRequest, fine.error().message, "files");
  std::error_code error;
  fs::create_directories(folder, error);
  // A kill between the two leaves files without settings and digests, not with those of others.
  const Manifest before = manifest;
  const auto replaced = [&](const Manifest::File& file) {
    return std::ranges::any_of(moves, [&](const Move& move) { return move.to.filename() == file.name; });
  };
  if (std::erase_if(manifest.files, replaced) > 0) HEARTH_CHECK(manifest.save(folder));
  if (auto kept = staging.keep(); !kept) {
    (void)before.save(folder);
    return kept;
  }
  manifest.fetched_at = now;
  for (const auto& move : moves)
    manifest.put({.name = move.to.filename().string(),
                  .size = fs::file_size(move.to, error),
                  .digest = move.digest,
                  .settings = &move == &*weights ? settings : domain::ModelSettings{}});
  HEARTH_CHECK(manifest.save(folder));
  // What was made or imported under this name before would go first.
  return Registry::update(home.registry(), [&](Registry& registry) -> Result<void> {
    registry.remove(name.full());
    return {};
  });
}

}  // namespace hearth::store
