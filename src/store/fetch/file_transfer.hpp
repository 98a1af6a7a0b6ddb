#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>

#include "base/clock.hpp"
#include "store/fetch/download.hpp"
#include "store/fetch/exchange.hpp"
#include "store/fetch/hash_threads.hpp"
#include "store/fetch/partial_file.hpp"

namespace hearth::store::fetch {

// One file of a download: which bytes are still to come, what an answer means, what to do after a failure. Knows no
// connection. One thread.
class FileTransfer {
 public:
  static constexpr std::uint64_t kNoEnd = UINT64_MAX;
  // What one connection is to fetch; range.end is kNoEnd where the size is not known.
  struct Assignment {
    Range range;
    bool whole = false;       // ask without a Range header
    int generation = 0;       // assignments of an older generation are void
    int failures = 0;         // in a row when it was made: of several that fail together, one counts
    bool redirected = false;  // it began at the address behind a redirect, which may expire
  };

  [[nodiscard]] static Result<std::unique_ptr<FileTransfer>> open(const File& file, const DownloadOptions& options,
                                                                  HashThreads& hashes);
  FileTransfer(const FileTransfer&) = delete;
  FileTransfer& operator=(const FileTransfer&) = delete;
  ~FileTransfer();

  // Something to fetch now; nothing if all is assigned, or it waits (see not_before).
  [[nodiscard]] std::optional<Assignment> next(base::SteadyTime now);
  [[nodiscard]] base::SteadyTime not_before() const { return not_before_; }
  [[nodiscard]] bool wants_connections() const { return !complete() && !fetched_; }

  // Where to ask, and with which headers.
  [[nodiscard]] const std::string& url() const;
  [[nodiscard]] std::vector<std::string> headers(const Assignment& assignment, const std::string& url) const;
  // An answer's head has come from `url`. True: its body is content, beginning at assignment.range.begin. May change
  // the assignment (a server that ignores ranges). False: its body is an error's text.
  [[nodiscard]] Result<bool> accept(Assignment& assignment, const Exchange& exchange, const std::string& url);
  // Content at `at`, which is moved. False: the connection has all that it was to fetch, or is void.
  [[nodiscard]] Result<bool> take(Assignment& assignment, std::uint64_t& at, std::span<const char> bytes);
  // A connection is done with its assignment, having come to `at`. An error ends the whole transfer.
  struct End {
    std::uint64_t at = 0;
    CURLcode code = CURLE_OK;
    const Exchange* exchange = nullptr;
    std::string url;  // that was asked last
    bool too_many_redirects = false;
    const Error* refusal = nullptr;  // what accept() said
  };
  [[nodiscard]] Result<void> ended(const Assignment& assignment, const End& end, base::SteadyTime now,
                                   std::mt19937& random);

  // Once all bytes are here: whether the content is right, and if so it gets its name. False: not yet. `before_end` is
  // called when the file is about to be closed or emptied.
  [[nodiscard]] Result<bool> finish(const std::function<void()>& before_end);

  // The transfer has failed: what a later one cannot go on from leaves the disk.
  void give_up();

  [[nodiscard]] bool complete() const { return outcome_.has_value(); }
  [[nodiscard]] const Fetched& fetched() const { return *outcome_; }
  [[nodiscard]] Result<void> record(bool always);
  [[nodiscard]] std::uint64_t size_or_present() const;
  [[nodiscard]] std::uint64_t present() const { return partial_.done().total(); }
  [[nodiscard]] std::uint64_t resumed() const { return resumed_; }
  [[nodiscard]] std::uint64_t verified() const;
  [[nodiscard]] const std::string& trouble() const { return trouble_; }
  [[nodiscard]] PartialFile& partial() { return partial_; }
  // Bytes that came since the last sync was begun.
  [[nodiscard]] std::uint64_t unsynced() const { return present() - std::min(synced_, present()); }
  void note_sync() { synced_ = present(); }

 private:
  FileTransfer(const File& file, const DownloadOptions& options, HashThreads& hashes, PartialFile partial);
  struct Failure {
    ErrorCode code = ErrorCode::kUnavailable;
    std::string what;
    bool for_good = false;  // trying again is pointless
    std::optional<std::chrono::seconds> asked;
  };
  [[nodiscard]] Failure judge(const Assignment& assignment, const End& end);
  [[nodiscard]] Result<void> failed(const Failure& failure, base::SteadyTime now, std::mt19937& random);
  [[nodiscard]] std::uint64_t piece_bytes() const;
  [[nodiscard]] Result<bool> accept_part(Assignment& assignment, const Exchange& exchange);
  [[nodiscard]] Result<bool> accept_whole(Assignment& assignment, const Exchange& exchange);
  [[nodiscard]] Result<void> learn_size(std::uint64_t size);
  [[nodiscard]] std::unexpected<Error> too_large() const;
  [[nodiscard]] Result<void> start_over();  // keeps what is known of the size
  [[nodiscard]] Result<void> start_anew();  // another content is there now
  void hash_from_start();
  void note_if_all_here();
  [[nodiscard]] std::uint64_t end() const { return partial_.id().size.value_or(kNoEnd); }
  [[nodiscard]] std::string name() const { return file_.path.filename().string(); }

  const File& file_;
  const DownloadOptions& options_;
  HashThreads& hashes_;
  PartialFile partial_;
  RangeSet taken_;  // there, or assigned
  int busy_ = 0;    // assignments under way
  int generation_ = 0;
  bool probed_ = false;   // an answer has come: where the content is and whether ranges work is known
  bool ranges_ = true;    // the server knows ranges
  bool fetched_ = false;  // every byte is here
  bool again_ = false;    // one more try from nothing has been spent
  std::size_t url_index_ = 0;
  std::string direct_url_;  // after redirects
  int failures_ = 0;        // in a row
  base::SteadyTime not_before_{};
  std::string trouble_;
  std::optional<HashThreads::JobId> hash_job_;
  std::uint64_t most_ = 0;  // bytes that were ever here at once
  int restarts_ = 0;
  std::uint64_t resumed_ = 0;
  std::uint64_t synced_ = 0;
  std::optional<Fetched> outcome_;
};

}  // namespace hearth::store::fetch
