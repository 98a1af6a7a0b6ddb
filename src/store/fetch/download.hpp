#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "store/fetch/digest.hpp"
#include "store/fetch/net.hpp"

namespace hearth::store::fetch {

// One file to fetch.
struct File {
  std::vector<std::string> urls;      // of equal content, tried in this order
  std::vector<std::string> headers;   // "name: value", for the origins of `urls` only
  std::filesystem::path path;         // where it belongs; what is there is replaced when the new content is complete
  std::optional<std::uint64_t> size;  // as published
  Digest digest;                      // as published
};

struct Fetched {
  std::uint64_t size = 0;
  Digest digest;  // the published one, which was checked; SHA-256 where none was
};

struct FileProgress {
  std::uint64_t total = 0;  // what is known of it
  std::uint64_t present = 0;
};

struct Progress {
  std::vector<FileProgress> files{};  // in the order of the call
  std::uint64_t total = 0;            // of all files; grows while sizes are unknown
  std::uint64_t present = 0;          // on disk
  std::uint64_t resumed = 0;          // of these, there before this call
  std::uint64_t verified = 0;
  std::string trouble;  // the last failure that is being tried again; empty = none
};

struct DownloadOptions {
  Net net;
  int connections = 8;                       // in all
  std::uint64_t piece_max_bytes = 64 << 20;  // of one request: they grow from the first on, and shrink towards the end
  std::uint64_t piece_first_bytes = 4 << 20;
  std::uint64_t piece_min_bytes = 1 << 20;
  std::uint64_t size_max = UINT64_MAX;     // bytes of one file whose size was not published
  std::uint64_t record_bytes = 512 << 10;  // what a kill may cost per connection, or a fifth of a second
  std::chrono::milliseconds progress_interval{100};
  std::function<void(const Progress&)> on_progress;  // on the calling thread; also at the end
  std::stop_token stop;
};

// Fetches files in parallel ranges over a few connections, several files at once, each resumed where an earlier call
// (or a killed process) stopped, hashed while it comes, and renamed to its name only when it is complete, right and on
// disk. Blocks; other threads hash and sync. One process per file at a time: the caller holds a lock.
// Transient failures (no answer, a cut, 408, 425, 429, 5xx) are tried again as options.net.retry says, then on the next
// URL. Errors: kNotFound, kUnauthorized, kForbidden as the server says; kUnavailable: no answer; kBackendError: wrong
// length or digest, an answer that is no answer; kIo: disk, with both numbers where it is full; kCancelled: by `stop`,
// what came is kept. The first failure ends the call; what was fetched of all files is kept for the next
// one, unless that could not go on with it.
[[nodiscard]] Result<std::vector<Fetched>> download(std::span<const File> files, const DownloadOptions& options);

}  // namespace hearth::store::fetch
