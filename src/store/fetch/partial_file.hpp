#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "base/guarded.hpp"
#include "base/result.hpp"
#include "store/fetch/digest.hpp"
#include "store/fetch/range_set.hpp"

namespace hearth::store::fetch {

// What a download is of: if any of it differs from what was recorded, the bytes that are there are worth nothing.
struct ContentId {
  std::optional<std::uint64_t> size;
  Digest digest;
  std::string etag;  // strong validator, where no digest was published
};

// A file that is being fetched: NAME.partial with the bytes, NAME.partial.json with the ranges that are there
// (docs/store.md has the format). A kill of this process loses at most what came since the last record(), a power
// failure at most what came since the last sync(): ranges that only the page cache may hold count after a kill, and
// not after a reboot. One process at a time (the caller's lock). Writes and records belong to one thread; sync() may
// run on another. Errors: kIo names file and reason.
class PartialFile {
 public:
  // Goes on with what is there, if it is of the same content; else from nothing.
  [[nodiscard]] static Result<PartialFile> open(const std::filesystem::path& final_path, const ContentId& id);
  PartialFile(PartialFile&& other) noexcept;
  PartialFile& operator=(PartialFile&&) = delete;
  ~PartialFile();

  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] const ContentId& id() const { return id_; }
  [[nodiscard]] const RangeSet& done() const { return done_; }

  // Takes the disk space of the whole file now, where the file system can. `size` becomes part of the id.
  [[nodiscard]] Result<void> set_size(std::uint64_t size);
  void set_etag(std::string etag) { id_.etag = std::move(etag); }
  void forget_size() { id_.size.reset(); }
  [[nodiscard]] Result<void> write(std::uint64_t offset, std::span<const char> bytes);
  // Everything is to come again.
  [[nodiscard]] Result<void> restart();

  // Bytes that a kill would lose.
  [[nodiscard]] std::uint64_t unrecorded() const { return unrecorded_; }
  [[nodiscard]] Result<void> record();  // nothing after commit() or discard()
  // Brings what has been written so far to the disk; `written` is of `epoch`. Thread-safe. An error is kept and fails
  // commit(): the kernel tells it once only.
  void sync(const RangeSet& written, int epoch);
  [[nodiscard]] int epoch() const;  // grows with every restart()

  // The content is complete, right and on disk: gives it its name.
  [[nodiscard]] Result<void> commit();
  // Nothing of it is worth keeping.
  void discard();

 private:
  PartialFile(std::filesystem::path path, ContentId id) : path_(std::move(path)), id_(std::move(id)) {}
  [[nodiscard]] Result<void> open_file();
  void load_record();
  [[nodiscard]] std::filesystem::path partial_path() const;
  [[nodiscard]] std::filesystem::path record_path() const;

  std::filesystem::path path_;
  ContentId id_;
  int fd_ = -1;
  RangeSet done_;
  std::uint64_t unrecorded_ = 0;
  struct Synced {
    RangeSet ranges;  // survive a power failure
    int epoch = 0;
    std::optional<Error> error;
  };
  base::Guarded<Synced> synced_;
};

// Bytes present of a download that may be going on in another process; nothing if there is none.
[[nodiscard]] std::optional<std::uint64_t> partial_bytes(const std::filesystem::path& final_path);

}  // namespace hearth::store::fetch
