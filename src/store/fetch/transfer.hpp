#pragma once

#include <list>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "store/fetch/download.hpp"
#include "store/fetch/exchange.hpp"
#include "store/fetch/file_transfer.hpp"
#include "store/fetch/sync_thread.hpp"

namespace hearth::store::fetch {

// One call of download(): files and the connections that work for them. Everything runs on the calling thread but
// hashing and syncing.
class Transfer {
 public:
  Transfer(std::span<const File> files, const DownloadOptions& options);
  [[nodiscard]] Result<std::vector<Fetched>> run();

 private:
  struct Lane {
    Exchange exchange;
    FileTransfer* file = nullptr;  // nullptr = idle
    FileTransfer::Assignment assignment;
    std::uint64_t at = 0;
    std::string url;  // asked last
    int redirects = 0;
    enum class Body { kUnknown, kContent, kRefusal } body = Body::kUnknown;
    std::size_t refusal_bytes = 0;  // of a body that is not content
    std::optional<Error> refusal;   // this URL has not what is wanted
    std::optional<Error> error;     // that ends everything: the disk
  };

  [[nodiscard]] Result<void> open_files();
  [[nodiscard]] Result<void> loop();
  void assign();
  void start(Lane& lane, std::string url);
  [[nodiscard]] bool take_body(Lane& lane, std::span<const char> bytes);
  [[nodiscard]] Result<bool> collect();  // true: a connection is free again
  [[nodiscard]] Result<void> lane_ended(Lane& lane, CURLcode code);
  [[nodiscard]] Result<void> finish_files();
  [[nodiscard]] std::chrono::milliseconds nap() const;
  void report(bool always);
  void record_all();
  void record_sometimes();
  void sync_sometimes();

  std::span<const File> wishes_;
  const DownloadOptions& options_;
  std::mt19937 random_{std::random_device{}()};
  Multi multi_;
  HashThreads hashes_;
  std::vector<std::unique_ptr<FileTransfer>> files_;
  SyncThread sync_;  // uses files: ends before them
  std::list<Lane> lanes_;
  std::size_t unfinished_ = 0;
  base::SteadyTime last_report_{};
  base::SteadyTime last_record_{};
};

}  // namespace hearth::store::fetch
