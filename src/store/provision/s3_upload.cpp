#include "store/provision/s3_upload.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <fmt/format.h>
#include <mutex>
#include <thread>
#include <vector>

#include "base/strings.hpp"
#include "store/provision/s3_xml.hpp"

namespace hearth::store::provision {

namespace {

constexpr std::uint64_t kPartsMax = 9'000;  // 10,000 are allowed
constexpr std::uint64_t kPartUnit = 1 << 20;
constexpr std::chrono::milliseconds kReport{100};
constexpr std::chrono::seconds kPatience{600};  // putting parts together takes a server a while

std::string header_of(const fetch::Answer& answer, const std::string& name) {
  const auto it = answer.headers.find(name);
  return it == answer.headers.end() ? std::string() : it->second;
}

// One file on its way. Parts are numbered from 0.
class Uploading {
 public:
  Uploading(const S3Client& client, const S3Address& to, const S3Upload& file, const S3UploadOptions& options)
      : client_(client), to_(to), file_(file), options_(options) {
    const auto count = std::max<std::size_t>(file.content.parts.size(), 1);  // one request also of an empty file
    etags_.resize(count);
    sent_ = std::vector<std::atomic<std::uint64_t>>(count);
  }

  Result<void> run() {
    if (etags_.size() > 1) {
      HEARTH_CHECK(begin());
    }
    auto done = send_all();
    if (done && etags_.size() > 1) done = complete();
    if (!done && !upload_id_.empty()) abort();
    return done;
  }

 private:
  [[nodiscard]] S3Ask ask(std::string method, S3Pairs query) const {
    return {.method = std::move(method), .key = file_.key, .query = std::move(query), .stop = stop_.get_token()};
  }
  [[nodiscard]] S3Pairs metadata() const { return {{kS3DigestHeader, file_.content.sha256.hex}}; }

  Result<void> begin() {
    auto request = ask("POST", {{"uploads", ""}});
    request.headers = metadata();
    request.stop = options_.stop;
    HEARTH_TRY(const auto answer, client_.ask(to_, request));
    upload_id_ = parse_upload_id(answer.body);
    if (!upload_id_.empty()) return {};
    return fail(ErrorCode::kBackendError, fmt::format("{}: no upload in parts could be begun", to_.text()));
  }

  Result<void> send_all() {
    const std::stop_callback on_stop(options_.stop, [this] { stop_.request_stop(); });
    const auto count =
        std::clamp<std::size_t>(static_cast<std::size_t>(std::max(options_.connections, 1)), 1, etags_.size());
    std::vector<std::jthread> threads;
    working_ = count;
    for (std::size_t i = 0; i < count; ++i) threads.emplace_back([this] { work(); });
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, kReport, [this] { return working_ == 0; })) {
      const std::string trouble = trouble_;
      lock.unlock();
      report(trouble);
      lock.lock();
    }
    lock.unlock();
    threads.clear();
    report({});
    if (error_) return std::unexpected(*error_);
    if (options_.stop.stop_requested())
      return fail(ErrorCode::kCancelled, fmt::format("{}: stopped; whole files that are there stay", to_.text()));
    return {};
  }

  void work() {
    while (!stop_.stop_requested()) {
      const std::size_t part = next_++;
      if (part >= etags_.size()) break;
      if (auto sent = send(part); !sent) fail_with(std::move(sent).error());
    }
    const std::scoped_lock lock(mutex_);
    --working_;
    changed_.notify_all();
  }

  void fail_with(Error error) {
    const std::scoped_lock lock(mutex_);
    if (!error_) error_ = std::move(error);  // the others end because of it
    stop_.request_stop();
  }

  Result<void> send(std::size_t part) {
    const auto& content = file_.content;
    const std::uint64_t offset = part * content.part_bytes;
    const auto size = std::min(content.part_bytes, content.size - offset);
    const bool whole = etags_.size() == 1;
    auto request = ask("PUT", {});
    if (whole)
      request.headers = metadata();
    else
      request.query = {{"partNumber", fmt::format("{}", part + 1)}, {"uploadId", upload_id_}};
    if (size > 0) request.body = {.file = file_.path, .offset = offset, .size = size};
    request.body_sha256 = whole ? content.sha256.hex : content.parts[part].hex;
    request.on_sent = [this, part](std::uint64_t bytes) { sent_[part] = bytes; };
    request.on_trouble = [this](const std::string& what) {
      const std::scoped_lock lock(mutex_);
      trouble_ = what;
    };
    auto answered = client_.ask(to_, request);
    if (!answered && answered.error().code == ErrorCode::kConflict)
      return fail(ErrorCode::kConflict,
                  fmt::format("{} has changed while it was uploaded; push it again", file_.path.string()));
    HEARTH_TRY(const auto answer, std::move(answered));
    sent_[part] = size;
    etags_[part] = header_of(answer, "etag");
    const std::scoped_lock lock(mutex_);
    trouble_.clear();
    if (!whole && etags_[part].empty())
      return fail(ErrorCode::kBackendError, fmt::format("{}: a part was taken without an ETag", to_.text()));
    return {};
  }

  Result<void> complete() {
    auto request = ask("POST", {{"uploadId", upload_id_}});
    request.body = {.text = completion_xml(etags_)};
    request.patience = kPatience;
    request.stop = options_.stop;
    const auto answer = client_.ask(to_, request);
    if (answer) return {};
    // Where an answer was lost, the second attempt finds no upload any more, but the object.
    if (answer.error().code == ErrorCode::kNotFound) {
      const auto there = client_.head(to_, file_.key, options_.stop);
      if (there && *there && (*there)->size == file_.content.size && (*there)->digest == file_.content.sha256)
        return {};
    }
    return std::unexpected(answer.error());
  }

  // Also after a stop: parts that nobody ends cost their owner money. But who stops does not want to wait.
  void abort() {
    std::stop_source late;
    std::mutex mutex;
    std::condition_variable_any never;
    const std::jthread timer([&](const std::stop_token& done) {
      std::unique_lock lock(mutex);
      never.wait_for(lock, done, options_.give_up_max, [] { return false; });
      late.request_stop();
    });
    auto request = ask("DELETE", {{"uploadId", upload_id_}});
    request.attempts_max = options_.stop.stop_requested() ? 1 : 0;
    request.stop = late.get_token();
    (void)client_.ask(to_, request);
  }

  void report(const std::string& trouble) const {
    if (!options_.on_progress) return;
    std::uint64_t sum = 0;
    for (const auto& bytes : sent_) sum += bytes;
    options_.on_progress(sum, trouble);
  }

  const S3Client& client_;
  const S3Address& to_;
  const S3Upload& file_;
  const S3UploadOptions& options_;
  std::string upload_id_;
  std::vector<std::string> etags_;                // each written by the thread that has the part
  std::vector<std::atomic<std::uint64_t>> sent_;  // bytes of each part
  std::atomic<std::size_t> next_{0};
  std::stop_source stop_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t working_ = 0;     // guarded by mutex_, like the next two
  std::optional<Error> error_;  // the first
  std::string trouble_;
};

}  // namespace

std::uint64_t part_bytes_of(std::uint64_t size, const S3UploadOptions& options) {
  const auto least = (size + kPartsMax - 1) / kPartsMax;
  return least <= options.part_bytes ? options.part_bytes : (least + kPartUnit - 1) / kPartUnit * kPartUnit;
}

Result<void> upload_to_s3(const S3Client& client, const S3Address& to, const S3Upload& file,
                          const S3UploadOptions& options) {
  return Uploading(client, to, file, options).run();
}

}  // namespace hearth::store::provision
