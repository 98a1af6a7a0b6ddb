#include "store/fetch/file_transfer.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "base/bytes.hpp"
#include "base/strings.hpp"
#include "store/fetch/url.hpp"

namespace hearth::store::fetch {
namespace {

struct ContentRange {
  std::uint64_t begin = 0;
  std::optional<std::uint64_t> total;
};

std::optional<std::uint64_t> parse_size(std::string_view text) {
  const auto number = base::parse_int(base::trim(text));
  if (!number || *number < 0) return std::nullopt;
  return static_cast<std::uint64_t>(*number);
}

// "bytes 0-99/1000", "bytes 0-99/*", "bytes */1000" (RFC 9110, 14.4).
std::optional<ContentRange> parse_content_range(std::string_view text) {
  if (!base::starts_with_ignore_case(text, "bytes ")) return std::nullopt;
  text.remove_prefix(6);
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  ContentRange out{.total = parse_size(text.substr(slash + 1))};
  const auto begin = parse_size(text.substr(0, text.find('-')));
  if (begin) out.begin = *begin;
  if (!begin && !text.starts_with("*/")) return std::nullopt;
  return out;
}

// Only a strong validator proves that bytes are the same.
std::string strong_etag(const Exchange& exchange) {
  std::string etag = exchange.header("etag");
  return etag.starts_with("W/") ? std::string() : etag;
}

ErrorCode code_of(long status) {
  switch (status) {
    case 401: return ErrorCode::kUnauthorized;
    case 403: return ErrorCode::kForbidden;
    case 404:
    case 410: return ErrorCode::kNotFound;
    case 429: return ErrorCode::kRateLimited;
    default: return ErrorCode::kBackendError;
  }
}

// No later attempt makes these better.
bool is_for_good(CURLcode code) {
  return code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_PEER_FAILED_VERIFICATION ||
         code == CURLE_SSL_CACERT_BADFILE;
}

}  // namespace

FileTransfer::FileTransfer(const File& file, const DownloadOptions& options, HashThreads& hashes, PartialFile partial)
    : file_(file), options_(options), hashes_(hashes), partial_(std::move(partial)), taken_(partial_.done()) {
  resumed_ = partial_.done().total();
  if (partial_.id().size) hash_from_start();
  note_if_all_here();
}

FileTransfer::~FileTransfer() {
  if (hash_job_) hashes_.drop(*hash_job_);
}

Result<std::unique_ptr<FileTransfer>> FileTransfer::open(const File& file, const DownloadOptions& options,
                                                         HashThreads& hashes) {
  HEARTH_TRY(auto partial, PartialFile::open(file.path, {.size = file.size, .digest = file.digest, .etag = {}}));
  return std::unique_ptr<FileTransfer>(new FileTransfer(file, options, hashes, std::move(partial)));
}

const std::string& FileTransfer::url() const { return direct_url_.empty() ? file_.urls.at(url_index_) : direct_url_; }

std::vector<std::string> FileTransfer::headers(const Assignment& assignment, const std::string& url) const {
  std::vector<std::string> out;
  const auto origin = origin_of(url);
  const bool ours = std::ranges::any_of(file_.urls, [&](const std::string& known) {
    const auto home = origin_of(known);
    return origin && home && *origin == *home;
  });
  if (ours) out = file_.headers;
  out.emplace_back("accept-encoding: identity");
  if (assignment.whole) return out;
  const std::string last = assignment.range.end == kNoEnd ? "" : fmt::format("{}", assignment.range.end - 1);
  out.push_back(fmt::format("range: bytes={}-{}", assignment.range.begin, last));
  if (!file_.digest.known() && !partial_.id().etag.empty() && partial_.done().total() > 0)
    out.push_back("if-range: " + partial_.id().etag);
  return out;
}

std::optional<FileTransfer::Assignment> FileTransfer::next(base::SteadyTime now) {
  if (!wants_connections() || now < not_before_ || (!probed_ && busy_ > 0)) return std::nullopt;
  const auto gap = taken_.first_gap(end());
  if (!gap) return std::nullopt;
  Assignment out{.range = *gap,
                 .generation = generation_,
                 .failures = failures_,
                 .redirected = !direct_url_.empty() && direct_url_ != file_.urls.at(url_index_)};
  // Without a digest only a validator ties ranges together: the first answer tells whether there is one.
  const bool look_first = !probed_ && !file_.digest.known() && partial_.done().total() == 0;
  if (!ranges_ || look_first) {
    out.whole = true;
  } else {
    out.range.end = std::min(gap->end, gap->begin + piece_bytes());
    out.whole = out.range == Range{0, end()};
  }
  taken_.add(out.range);
  ++busy_;
  return out;
}

// Small at the beginning, so that there is something to hash soon, and at the end, so that no connection is left alone.
std::uint64_t FileTransfer::piece_bytes() const {
  const auto connections = static_cast<std::uint64_t>(std::max(options_.connections, 1));
  const auto taken = taken_.total();
  const auto growing = std::max(options_.piece_first_bytes, taken / connections);
  const auto shrinking = partial_.id().size ? (*partial_.id().size - taken) / (2 * connections) : growing;
  return std::clamp(std::min(growing, shrinking), options_.piece_min_bytes, options_.piece_max_bytes);
}

Result<bool> FileTransfer::accept(Assignment& assignment, const Exchange& exchange, const std::string& url) {
  if (assignment.generation != generation_) return false;
  const std::string encoding = exchange.header("content-encoding");
  if (exchange.status() / 100 == 2 && !encoding.empty() && !base::equals_ignore_case(encoding, "identity"))
    return fail(ErrorCode::kBackendError,
                fmt::format("{}: {} is sent as {}, unasked", host_of(url), name(), base::one_line(encoding)));
  bool content = false;
  if (exchange.status() == 206 && !assignment.whole) {
    HEARTH_TRY(content, accept_part(assignment, exchange));
  } else if (exchange.status() == 200) {
    HEARTH_TRY(content, accept_whole(assignment, exchange));
  }
  if (!content) return false;
  probed_ = true;
  direct_url_ = url;
  return true;
}

Result<bool> FileTransfer::accept_part(Assignment& assignment, const Exchange& exchange) {
  const auto range = parse_content_range(exchange.header("content-range"));
  if (!range || range->begin != assignment.range.begin || !range->total) return false;
  const bool another = !file_.digest.known() && strong_etag(exchange) != partial_.id().etag;
  if (another || (!file_.size && partial_.id().size && *range->total != *partial_.id().size)) {
    HEARTH_CHECK(start_anew());
    return false;
  }
  if (partial_.id().size && *range->total != *partial_.id().size)
    return fail(ErrorCode::kBackendError, fmt::format("{} has {} bytes there, and {} were announced", name(),
                                                      *range->total, *partial_.id().size));
  if (!partial_.id().size) HEARTH_CHECK(learn_size(*range->total));
  assignment.range.end = std::min(assignment.range.end, *range->total);
  return true;
}

Result<bool> FileTransfer::accept_whole(Assignment& assignment, const Exchange& exchange) {
  const auto length = parse_size(exchange.header("content-length"));
  if (length && file_.size && *length != *file_.size)
    return fail(ErrorCode::kBackendError,
                fmt::format("{} has {} bytes there, and {} were announced", name(), *length, *file_.size));
  if (busy_ > 1) {  // others go on with ranges: this one is to ask again
    probed_ = false;
    return false;
  }
  const std::string etag = strong_etag(exchange);
  const bool ranges_known = exchange.header("accept-ranges") == "bytes";
  if (file_.digest.known()) {
    ranges_ = ranges_known;  // what is here already is of the same content: the answer is written over it
  } else {
    if (partial_.done().total() > 0) HEARTH_CHECK(start_anew());
    partial_.set_etag(etag);
    ranges_ = ranges_known && !etag.empty();
  }
  assignment = {.whole = true, .generation = generation_, .failures = failures_, .redirected = assignment.redirected};
  if (length && !partial_.id().size) HEARTH_CHECK(learn_size(*length));
  assignment.range = {0, end()};
  // Where ranges can follow, this connection takes the first piece only.
  if (ranges_ && end() != kNoEnd) assignment.range.end = std::min(end(), options_.piece_first_bytes);
  taken_.add(assignment.range);
  if (end() != kNoEnd && assignment.range.end < end()) taken_ = partial_.done(), taken_.add(assignment.range);
  return true;
}

Result<bool> FileTransfer::take(Assignment& assignment, std::uint64_t& at, std::span<const char> bytes) {
  if (assignment.generation != generation_) return false;
  const auto count = std::min<std::uint64_t>(bytes.size(), assignment.range.end - at);
  if (at + count > options_.size_max) return too_large();
  HEARTH_CHECK(partial_.write(at, bytes.first(count)));
  at += count;
  if (present() > most_) {  // not what came before a cut, again
    most_ = present();
    failures_ = 0;
    assignment.failures = 0;
    trouble_.clear();
  }
  if (hash_job_) hashes_.advance(*hash_job_, partial_.done().frontier());
  (void)record(false);  // what is not recorded comes again after a kill, no more
  return count == bytes.size();
}

Result<void> FileTransfer::ended(const Assignment& assignment, const End& end, base::SteadyTime now,
                                 std::mt19937& random) {
  --busy_;
  if (assignment.generation != generation_) return {};
  const bool to_the_end = assignment.range.end == kNoEnd && end.code == CURLE_OK && end.exchange->status() == 200;
  if (to_the_end) HEARTH_CHECK(learn_size(end.at));
  if (end.code == CURLE_OK && end.exchange->status() == 416) {
    // Nothing of the file begins here: it is empty, or another one than was begun.
    const auto range = parse_content_range(end.exchange->header("content-range"));
    if (!partial_.id().size && range && range->total == 0) return learn_size(0);
    if (!file_.digest.known() && partial_.done().total() > 0) return start_anew();
  }
  if (!to_the_end && end.at < assignment.range.end) {
    taken_.remove({end.at, assignment.range.end});
    const auto failure = judge(assignment, end);
    return assignment.failures == failures_ ? failed(failure, now, random) : Result<void>{};
  }
  note_if_all_here();
  return {};
}

FileTransfer::Failure FileTransfer::judge(const Assignment& assignment, const End& end) {
  const long status = end.exchange->status();
  const std::string where = host_of(end.url);
  if (end.refusal != nullptr) return {.code = end.refusal->code, .what = end.refusal->message, .for_good = true};
  if (end.too_many_redirects)
    return {.code = ErrorCode::kBackendError, .what = where + " redirects without end", .for_good = true};
  const bool cut_by_us = end.code == CURLE_WRITE_ERROR;  // a long body that is not what was asked for
  if (cut_by_us && (status == 200 || status == 206))
    return {.code = ErrorCode::kBackendError, .what = where + " sends something else than was asked for"};
  if (end.code != CURLE_OK && !cut_by_us)
    return {.what = fmt::format("{}: {}", where, end.exchange->problem(end.code)), .for_good = is_for_good(end.code)};
  if (status == 200 || status == 206)
    return {.what = fmt::format("{} stopped after {} of {} bytes", where, end.at - assignment.range.begin,
                                assignment.range.size())};
  Failure out{.code = code_of(status), .what = fmt::format("{} answered {}", where, status)};
  if (is_transient_status(status)) {
    out.asked = end.exchange->retry_after();
  } else if (assignment.redirected) {  // the address behind the redirect has expired: ask for a new one
    direct_url_.clear();
    probed_ = false;
  } else {
    out.for_good = true;
  }
  return out;
}

Result<void> FileTransfer::failed(const Failure& failure, base::SteadyTime now, std::mt19937& random) {
  ++failures_;
  const bool asks_too_much = failure.asked && *failure.asked > options_.net.retry.asked_max;
  if (!failure.for_good && !asks_too_much && failures_ < options_.net.retry.attempts_max) {
    trouble_ = failure.what;
    not_before_ = now + backoff(options_.net.retry, failures_, failure.asked, random);
    return {};
  }
  if (url_index_ + 1 < file_.urls.size()) {
    trouble_ = failure.what;
    ++url_index_;
    direct_url_.clear();
    probed_ = false;
    ranges_ = true;
    failures_ = 0;
    return {};
  }
  std::string message = fmt::format("cannot fetch {}: {}", name(), failure.what);
  if (asks_too_much) message += fmt::format(" and asks to wait {} s", failure.asked->count());
  if (!failure.for_good && failures_ > 1) message += fmt::format(" ({} attempts)", failures_);
  return fail(Error{.code = failure.code, .message = std::move(message), .retry_after = failure.asked});
}

std::unexpected<Error> FileTransfer::too_large() const {
  return fail(ErrorCode::kPayloadTooLarge,
              fmt::format("{} is larger than {}, the limit", name(), base::human({options_.size_max})));
}

Result<void> FileTransfer::learn_size(std::uint64_t size) {
  if (size > options_.size_max) return too_large();
  HEARTH_CHECK(partial_.set_size(size));
  if (const auto ranges = partial_.done().ranges(); !ranges.empty() && ranges.back().end > size) return start_over();
  taken_.remove({size, kNoEnd});
  hash_from_start();
  note_if_all_here();
  return {};
}

void FileTransfer::hash_from_start() {
  if (hash_job_) hashes_.drop(*hash_job_);
  hash_job_ = hashes_.add(partial_.fd(), file_.digest.kind, *partial_.id().size, true);
  hashes_.advance(*hash_job_, partial_.done().frontier());
}

void FileTransfer::note_if_all_here() {
  fetched_ = partial_.id().size && partial_.done().total() == *partial_.id().size;
}

Result<void> FileTransfer::start_anew() {
  if (!file_.size) partial_.forget_size();
  return start_over();
}

Result<void> FileTransfer::start_over() {
  if (++restarts_ > options_.net.retry.attempts_max)
    return fail(ErrorCode::kBackendError, fmt::format("cannot fetch {}: it is another file at every attempt", name()));
  ++generation_;
  synced_ = 0;
  if (hash_job_) hashes_.drop(*std::exchange(hash_job_, std::nullopt));
  taken_.clear();
  probed_ = false;
  resumed_ = 0;
  HEARTH_CHECK(partial_.restart());
  if (partial_.id().size) hash_from_start();
  note_if_all_here();
  return {};
}

Result<bool> FileTransfer::finish(const std::function<void()>& before_end) {
  if (complete() || !fetched_ || !hash_job_) return complete();
  auto digest = hashes_.take(*hash_job_);
  if (!digest) return false;
  hash_job_.reset();
  before_end();
  if (!*digest) return std::unexpected(std::move(*digest).error());
  if (file_.digest.known() && **digest != file_.digest) {
    const std::string what = fmt::format("{} from {} has the digest {}, and {} was published", name(), host_of(url()),
                                         to_text(**digest), to_text(file_.digest));
    const bool other_url = url_index_ + 1 < file_.urls.size();
    const bool maybe_stale = resumed_ > 0 && !again_;  // what was on disk may have been damaged since
    if (!other_url && !maybe_stale) {
      partial_.discard();
      return fail(ErrorCode::kBackendError, what + "; nothing of it was kept");
    }
    trouble_ = what;
    again_ = true;
    if (other_url && !maybe_stale) ++url_index_;
    direct_url_.clear();
    HEARTH_CHECK(start_over());
    return false;
  }
  HEARTH_CHECK(partial_.commit());
  outcome_ = Fetched{.size = *partial_.id().size, .digest = **digest};
  return true;
}

void FileTransfer::give_up() {
  if (complete() || partial_.fd() < 0) return;
  if (hash_job_) hashes_.drop(*std::exchange(hash_job_, std::nullopt));
  const bool resumable = file_.digest.known() || !partial_.id().etag.empty();
  if (present() == 0 || !resumable) partial_.discard();
}

Result<void> FileTransfer::record(bool always) {
  const auto allowance = options_.record_bytes * static_cast<std::uint64_t>(std::max(busy_, 1));
  if (complete() || partial_.unrecorded() == 0 || (!always && partial_.unrecorded() < allowance)) return {};
  return partial_.record();
}

std::uint64_t FileTransfer::size_or_present() const { return partial_.id().size.value_or(present()); }

std::uint64_t FileTransfer::verified() const {
  if (complete()) return outcome_->size;
  return hash_job_ ? hashes_.hashed(*hash_job_) : 0;
}

}  // namespace hearth::store::fetch
