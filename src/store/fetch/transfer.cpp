#include "store/fetch/transfer.hpp"

#include <algorithm>
#include <thread>

#include "store/fetch/url.hpp"

namespace hearth::store::fetch {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kRedirectsMax = 10;
constexpr std::chrono::milliseconds kNapMax{500};
constexpr std::chrono::milliseconds kRecordInterval{200};
constexpr std::uint64_t kSyncBytes = 64 << 20;
constexpr std::size_t kRefusalBytesMax = 64 << 10;

}  // namespace

Transfer::Transfer(std::span<const File> files, const DownloadOptions& options)
    : wishes_(files),
      options_(options),
      multi_(make_multi()),
      hashes_(std::min<std::size_t>(files.size(), std::thread::hardware_concurrency()),
              [multi = multi_.get()] { curl().multi_wakeup(multi); }) {
  curl().multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, static_cast<long>(options.connections));
}

Result<std::vector<Fetched>> Transfer::run() {
  const std::stop_callback on_stop(options_.stop, [this] { curl().multi_wakeup(multi_.get()); });
  auto done = open_files();
  if (done) done = loop();
  for (auto& lane : lanes_) {
    if (lane.file != nullptr) curl().multi_remove_handle(multi_.get(), lane.exchange.easy());
  }
  for (const auto& file : files_) sync_.wait_for(file->partial());
  record_all();
  if (!done) {
    for (const auto& file : files_) file->give_up();
  }
  report(true);
  if (!done) return std::unexpected(std::move(done).error());
  std::vector<Fetched> out;
  for (const auto& file : files_) out.push_back(file->fetched());
  return out;
}

Result<void> Transfer::open_files() {
  for (const auto& wish : wishes_) {
    HEARTH_TRY(auto file, FileTransfer::open(wish, options_, hashes_));
    files_.push_back(std::move(file));
  }
  unfinished_ = files_.size();
  for (int i = 0; i < std::max(options_.connections, 1); ++i) lanes_.emplace_back();
  return {};
}

Result<void> Transfer::loop() {
  report(true);
  while (true) {
    HEARTH_CHECK(finish_files());
    if (unfinished_ == 0) return {};
    if (options_.stop.stop_requested())
      return fail(ErrorCode::kCancelled,
                  "the download was stopped; what has come is kept, and the next one goes on there");
    assign();
    int running = 0;
    curl().multi_perform(multi_.get(), &running);
    HEARTH_TRY(const bool some_ended, collect());
    report(false);
    record_sometimes();
    sync_sometimes();
    if (some_ended) continue;  // their connections may have further work
    curl().multi_poll(multi_.get(), nullptr, 0, static_cast<int>(nap().count()), nullptr);
  }
}

void Transfer::assign() {
  const auto now = Clock::now();
  auto lane = lanes_.begin();
  for (const auto& file : files_) {
    while (true) {
      lane = std::find_if(lane, lanes_.end(), [](const Lane& l) { return l.file == nullptr; });
      if (lane == lanes_.end()) return;
      const auto assignment = file->next(now);
      if (!assignment) break;
      lane->file = file.get();
      lane->assignment = *assignment;
      lane->at = assignment->range.begin;
      lane->redirects = 0;
      start(*lane, file->url());
    }
  }
}

void Transfer::start(Lane& lane, std::string url) {
  lane.url = std::move(url);
  lane.body = Lane::Body::kUnknown;
  lane.refusal.reset();
  lane.refusal_bytes = 0;
  lane.exchange.prepare(lane.url, lane.file->headers(lane.assignment, lane.url), options_.net,
                        [this, &lane](std::span<const char> bytes) { return take_body(lane, bytes); });
  curl().multi_add_handle(multi_.get(), lane.exchange.easy());
}

bool Transfer::take_body(Lane& lane, std::span<const char> bytes) {
  if (lane.body == Lane::Body::kUnknown) {
    const auto content = lane.file->accept(lane.assignment, lane.exchange, lane.url);
    if (!content) lane.refusal = content.error();
    if (content && *content) lane.at = lane.assignment.range.begin;
    lane.body = content && *content ? Lane::Body::kContent : Lane::Body::kRefusal;
  }
  if (lane.refusal) return false;
  if (lane.body == Lane::Body::kRefusal) {  // an error's text: read to its end, so that the connection lives
    lane.refusal_bytes += bytes.size();
    return lane.refusal_bytes <= kRefusalBytesMax;
  }
  const auto more = lane.file->take(lane.assignment, lane.at, bytes);
  if (!more) lane.error = more.error();
  return more && *more;
}

Result<bool> Transfer::collect() {
  int left = 0;
  bool some = false;
  while (const CURLMsg* message = curl().multi_info_read(multi_.get(), &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;
    CURL* const easy = message->easy_handle;
    const auto lane = std::ranges::find_if(lanes_, [&](const Lane& l) { return l.exchange.easy() == easy; });
    curl().multi_remove_handle(multi_.get(), easy);
    HEARTH_CHECK(lane_ended(*lane, code));
    some = true;
  }
  return some;
}

Result<void> Transfer::lane_ended(Lane& lane, CURLcode code) {
  if (lane.error) return std::unexpected(*lane.error);
  const bool too_many = lane.exchange.redirected() && lane.redirects >= kRedirectsMax;
  if (code == CURLE_OK && lane.exchange.redirected() && !too_many) {
    ++lane.redirects;
    HEARTH_TRY(auto target, redirect_target(lane.url, lane.exchange.header("location")));
    start(lane, std::move(target));
    return {};
  }
  // An empty body never came to take_body.
  if (code == CURLE_OK && lane.body == Lane::Body::kUnknown) {
    const auto content = lane.file->accept(lane.assignment, lane.exchange, lane.url);
    if (!content) lane.refusal = content.error();
    if (content && *content) lane.at = lane.assignment.range.begin;
  }
  FileTransfer* const file = std::exchange(lane.file, nullptr);
  return file->ended(lane.assignment,
                     {.at = lane.at,
                      .code = code,
                      .exchange = &lane.exchange,
                      .url = lane.url,
                      .too_many_redirects = too_many,
                      .refusal = lane.refusal ? &*lane.refusal : nullptr},
                     Clock::now(), random_);
}

Result<void> Transfer::finish_files() {
  for (const auto& file : files_) {
    if (file->complete()) continue;
    HEARTH_TRY(const bool complete, file->finish([&] { sync_.wait_for(file->partial()); }));
    if (complete) --unfinished_;
  }
  return {};
}

std::chrono::milliseconds Transfer::nap() const {
  const auto now = Clock::now();
  auto until = now + kNapMax;
  for (const auto& file : files_) {
    if (file->wants_connections() && file->not_before() > now) until = std::min(until, file->not_before());
  }
  if (options_.on_progress) until = std::min(until, std::max(last_report_ + options_.progress_interval, now));
  return std::chrono::ceil<std::chrono::milliseconds>(until - now);
}

void Transfer::report(bool always) {
  const auto now = Clock::now();
  if (!options_.on_progress || (!always && now - last_report_ < options_.progress_interval)) return;
  last_report_ = now;
  Progress progress;
  for (const auto& file : files_) {
    progress.files.push_back({.total = file->size_or_present(), .present = file->present()});
    progress.total += progress.files.back().total;
    progress.present += progress.files.back().present;
    progress.resumed += file->resumed();
    progress.verified += file->verified();
    if (!file->complete() && !file->trouble().empty()) progress.trouble = file->trouble();
  }
  options_.on_progress(progress);
}

void Transfer::record_all() {
  for (const auto& file : files_) (void)file->record(true);  // what is not recorded comes again, no more
}

// Slow lines too: there the bytes of a record take long to come.
void Transfer::record_sometimes() {
  const auto now = Clock::now();
  if (now - last_record_ < kRecordInterval) return;
  last_record_ = now;
  record_all();
}

void Transfer::sync_sometimes() {
  if (!sync_.idle()) return;
  for (const auto& file : files_) {
    if (file->unsynced() < kSyncBytes || !file->wants_connections()) continue;
    file->note_sync();
    sync_.sync(file->partial());
    return;
  }
}

}  // namespace hearth::store::fetch
