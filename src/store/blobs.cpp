#include "store/blobs.hpp"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <unistd.h>
#include <vector>

#include "base/files.hpp"
#include "base/strings.hpp"
#include "domain/model_name.hpp"
#include "store/file_lock.hpp"
#include "store/gguf.hpp"
#include "store/manifest.hpp"
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
    if (!ignored && now - time > kBlobAgeMax) fs::remove(it->path(), ignored);
  }
}

// "part-00001-of-00002.gguf" -> "-00001-of-00002"; empty for a file that is no part.
std::string part_of(std::string_view file) {
  constexpr std::size_t kLength = std::string_view("-00001-of-00002").size();
  const auto stem = file.substr(0, file.size() - std::string_view(".gguf").size());
  if (stem.size() <= kLength) return {};
  const auto tail = stem.substr(stem.size() - kLength);
  const bool fits = tail[0] == '-' && tail.substr(6, 4) == "-of-" && base::parse_int(tail.substr(1, 5)) &&
                    base::parse_int(tail.substr(10));
  return fits ? std::string(tail) : std::string();
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
    const bool projector = base::starts_with_ignore_case(fs::path(file).filename().string(), "mmproj");
    const std::string made = fmt::format("{}{}{}.gguf", projector ? "mmproj-" : "", base, part_of(file));
    HEARTH_CHECK(check_file_name(made));
    out.push_back({.from = blob, .to = home.models / name.path() / made, .digest = digest});
  }
  return out;
}

bool is_weights(const Move& move) {
  const auto file = move.to.filename().string();
  return !file.starts_with("mmproj-") && (part_of(file).empty() || part_of(file).starts_with("-00001-"));
}

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
  HEARTH_TRY(const auto name, domain::ModelName::parse(text));
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
  std::error_code error;
  fs::create_directories(folder, error);
  std::vector<Move> done;
  const auto undo = [&] {
    std::error_code ignored;
    for (const auto& move : done) fs::rename(move.to, move.from, ignored);
    fs::remove(folder, ignored);  // if nothing else is in it
  };
  for (const auto& move : moves) {
    fs::rename(move.from, move.to, error);
    if (error) {
      undo();
      return fail(ErrorCode::kIo, fmt::format("cannot make {}: {}", move.to.string(), error.message()));
    }
    done.push_back(move);
  }
  if (auto fine = check_structure(weights->to); !fine) {
    undo();
    return fail(ErrorCode::kInvalidRequest, fine.error().message, "files");
  }
  manifest.fetched_at = now;
  for (const auto& move : moves)
    manifest.put({.name = move.to.filename().string(),
                  .size = fs::file_size(move.to, error),
                  .digest = move.digest,
                  .settings = &move == &*weights ? settings : domain::ModelSettings{}});
  return manifest.save(folder);
}

}  // namespace hearth::store
