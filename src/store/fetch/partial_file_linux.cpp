#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "base/bytes.hpp"
#include "base/files.hpp"
#include "base/strings.hpp"
#include "json/reader.hpp"
#include "json/writer.hpp"
#include "store/fetch/partial_file.hpp"

namespace hearth::store::fetch {

namespace fs = std::filesystem;

namespace {

constexpr int kVersion = 1;

std::unexpected<Error> io_error(std::string_view what, const fs::path& path, int error) {
  return fail(ErrorCode::kIo, fmt::format("{} {}: {}", what, path.string(), base::errno_text(error)));
}

// Differs after every start of the machine.
std::string boot_id() {
  const auto text = base::read_file("/proc/sys/kernel/random/boot_id");
  return text ? std::string(base::trim(*text)) : std::string();
}

fs::path with_suffix(const fs::path& path, const char* suffix) { return fs::path(path) += suffix; }

struct Record {
  ContentId id;
  std::string boot;
  std::vector<Range> done;
  std::vector<Range> synced;
};

void write_ranges(json::Writer& w, std::string_view key, const std::vector<Range>& ranges) {
  w.key(key).begin_array();
  for (const auto& range : ranges) w.begin_array().value(range.begin).value(range.end).end_array();
  w.end_array();
}

std::vector<Range> read_ranges(json::Object& in, std::string_view key) {
  std::vector<Range> out;
  in.each(key, [&](const json::Item& pair) {
    std::vector<std::uint64_t> ends;
    pair.each([&](const json::Item& end) { ends.push_back(static_cast<std::uint64_t>(end.integer(0))); });
    if (ends.size() != 2 || ends[0] >= ends[1])
      pair.fail("must be two growing offsets");
    else
      out.push_back({ends[0], ends[1]});
  });
  return out;
}

std::optional<Record> read_record(const fs::path& path) {
  const auto text = base::read_file(path);
  if (!text) return std::nullopt;
  Record out;
  bool known = false;
  const auto report = json::read_object(*text, [&](json::Object& in) {
    std::string digest;
    in.text("digest", digest);
    if (const auto parsed = parse_digest(digest)) out.id.digest = *parsed;
    if (const auto size = in.get("size")) out.id.size = static_cast<std::uint64_t>(size->integer(0));
    if (const auto version = in.get("version")) known = version->integer() == kVersion;
    in.text("etag", out.id.etag);
    in.text("boot", out.boot);
    out.done = read_ranges(in, "done");
    out.synced = read_ranges(in, "synced");
  });
  if (!report || !known) return std::nullopt;
  return out;
}

// Whether bytes fetched as `recorded` are bytes of `wanted`.
bool same_content(const ContentId& recorded, const ContentId& wanted) {
  if (recorded.size && wanted.size && *recorded.size != *wanted.size) return false;
  if (wanted.digest.known() || recorded.digest.known()) return recorded.digest == wanted.digest;
  return !recorded.etag.empty();  // the server is asked with If-Range whether it still holds
}

}  // namespace

fs::path PartialFile::partial_path() const { return with_suffix(path_, ".partial"); }
fs::path PartialFile::record_path() const { return with_suffix(path_, ".partial.json"); }

PartialFile::PartialFile(PartialFile&& other) noexcept
    : path_(std::move(other.path_)),
      id_(std::move(other.id_)),
      fd_(std::exchange(other.fd_, -1)),
      done_(std::move(other.done_)),
      unrecorded_(other.unrecorded_),
      synced_(other.synced_.with([](Synced& s) { return std::move(s); })) {}

PartialFile::~PartialFile() {
  if (fd_ >= 0) ::close(fd_);
}

Result<PartialFile> PartialFile::open(const fs::path& final_path, const ContentId& id) {
  std::error_code error;
  fs::create_directories(final_path.parent_path(), error);
  if (error)
    return fail(ErrorCode::kIo,
                fmt::format("cannot make folder {}: {}", final_path.parent_path().string(), error.message()));
  PartialFile out(final_path, id);
  HEARTH_CHECK(out.open_file());
  out.load_record();
  if (out.done_.total() == 0) {
    HEARTH_CHECK(out.restart());
  } else if (out.id_.size) {
    HEARTH_CHECK(out.set_size(*out.id_.size));
  }
  return out;
}

Result<void> PartialFile::open_file() {
  fd_ = ::open(partial_path().c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd_ < 0) return io_error("cannot write", partial_path(), errno);
  return {};
}

void PartialFile::load_record() {
  struct stat status{};
  const auto record = read_record(record_path());
  if (!record || !same_content(record->id, id_) || ::fstat(fd_, &status) != 0) return;
  // What a file that became shorter has lost was never fetched.
  auto length = static_cast<std::uint64_t>(status.st_size);
  if (const auto size = id_.size ? id_.size : record->id.size) length = std::min(length, *size);
  const bool same_boot = !record->boot.empty() && record->boot == boot_id();
  for (const auto& range : same_boot ? record->done : record->synced)
    done_.add({range.begin, std::min(range.end, length)});
  if (!id_.size) id_.size = record->id.size;
  if (!id_.digest.known()) id_.etag = record->id.etag;
  synced_.with([&](Synced& s) {
    for (const auto& range : record->synced) s.ranges.add({range.begin, std::min(range.end, length)});
  });
}

Result<void> PartialFile::set_size(std::uint64_t size) {
  id_.size = size;
  struct stat before{};
  if (size == 0 || ::fstat(fd_, &before) != 0) return {};
  while (::fallocate(fd_, 0, 0, static_cast<off_t>(size)) != 0) {
    if (errno == EINTR) continue;
    if (errno == EOPNOTSUPP || errno == ENOSYS) return {};
    const int reason = errno;
    if (reason != ENOSPC && reason != EDQUOT && reason != EFBIG)
      return io_error("cannot write", partial_path(), reason);
    (void)::ftruncate(fd_, before.st_size);  // some file systems keep what they could give
    if (before.st_size == 0) ::unlink(partial_path().c_str());
    std::error_code error;
    const auto space = fs::space(path_.parent_path(), error);
    return fail(
        ErrorCode::kIo,
        fmt::format("not enough disk space for {}: it takes {}, and {} has {} left; make room, or choose another "
                    "folder with HEARTH_CACHE_DIR",
                    path_.filename().string(), base::human({size}), path_.parent_path().string(),
                    base::human({error ? 0 : space.available})));
  }
  return {};
}

Result<void> PartialFile::write(std::uint64_t offset, std::span<const char> bytes) {
  const Range range{offset, offset + bytes.size()};
  while (!bytes.empty()) {
    const auto n = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io_error("cannot write", partial_path(), errno);
    bytes = bytes.subspan(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
  done_.add(range);
  unrecorded_ += range.size();
  return {};
}

Result<void> PartialFile::restart() {
  done_.clear();
  synced_.with([](Synced& s) {
    s.ranges.clear();
    ++s.epoch;
  });
  ::unlink(record_path().c_str());
  if (::ftruncate(fd_, 0) != 0) return io_error("cannot write", partial_path(), errno);
  return id_.size ? set_size(*id_.size) : Result<void>{};
}

Result<void> PartialFile::record() {
  if (fd_ < 0) return {};  // committed or discarded
  json::Writer w;
  w.begin_object().field("version", kVersion);
  if (id_.size) w.field("size", *id_.size);
  if (id_.digest.known()) w.field("digest", to_text(id_.digest));
  if (!id_.etag.empty()) w.field("etag", id_.etag);
  w.field("boot", boot_id());
  write_ranges(w, "done", done_.ranges());
  write_ranges(w, "synced", synced_.with([](const Synced& s) { return s.ranges.ranges(); }));
  w.end_object();
  HEARTH_CHECK(base::replace_file(record_path(), w.text()));
  unrecorded_ = 0;
  return {};
}

int PartialFile::epoch() const {
  return synced_.with([](const Synced& s) { return s.epoch; });
}

void PartialFile::sync(const RangeSet& written, int epoch) {
  const int reason = ::fdatasync(fd_) == 0 ? 0 : errno;
  synced_.with([&](Synced& s) {
    if (reason != 0 && !s.error) s.error = io_error("cannot write", partial_path(), reason).error();
    if (reason == 0 && s.epoch == epoch) s.ranges = written;
  });
}

Result<void> PartialFile::commit() {
  if (const auto error = synced_.with([](const Synced& s) { return s.error; })) return fail(*error);
  if (::ftruncate(fd_, static_cast<off_t>(id_.size.value_or(done_.total()))) != 0 || ::fsync(fd_) != 0)
    return io_error("cannot write", partial_path(), errno);
  if (::rename(partial_path().c_str(), path_.c_str()) != 0) return io_error("cannot write", path_, errno);
  ::unlink(record_path().c_str());
  ::close(std::exchange(fd_, -1));
  return base::sync_folder(path_.parent_path());
}

void PartialFile::discard() {
  ::unlink(record_path().c_str());
  ::unlink(partial_path().c_str());
  ::close(std::exchange(fd_, -1));
}

std::optional<std::uint64_t> partial_bytes(const fs::path& final_path) {
  const auto record = read_record(with_suffix(final_path, ".partial.json"));
  if (!record) return std::nullopt;
  RangeSet set;
  for (const auto& range : record->done) set.add(range);
  return set.total();
}

}  // namespace hearth::store::fetch
