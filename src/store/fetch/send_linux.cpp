#include <algorithm>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/files.hpp"
#include "store/fetch/digest.hpp"
#include "store/fetch/run_exchange.hpp"
#include "store/fetch/send.hpp"
#include "store/fetch/url.hpp"

namespace hearth::store::fetch {
namespace {

// Reads a request's body; remembers what went wrong.
class BodySource {
 public:
  explicit BodySource(const Body& body) : body_(body) {
    if (body.file.empty()) return;
    fd_ = ::open(body.file.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd_ < 0) fail_with(ErrorCode::kIo, base::errno_text(errno));
  }
  BodySource(const BodySource&) = delete;
  BodySource& operator=(const BodySource&) = delete;
  ~BodySource() {
    if (fd_ >= 0) ::close(fd_);
  }

  [[nodiscard]] std::uint64_t size() const { return body_.file.empty() ? body_.text.size() : body_.size; }
  [[nodiscard]] const Result<void>& check() const { return state_; }

  std::optional<std::size_t> read(std::uint64_t at, std::span<char> into) {
    if (body_.file.empty()) {
      const auto count = std::min(into.size(), body_.text.size() - static_cast<std::size_t>(at));
      std::memcpy(into.data(), body_.text.data() + at, count);
      return count;
    }
    const auto got = ::pread(fd_, into.data(), into.size(), static_cast<off_t>(body_.offset + at));
    if (got <= 0) return fail_with(ErrorCode::kIo, got < 0 ? base::errno_text(errno) : "it has become shorter");
    const auto bytes = into.first(static_cast<std::size_t>(got));
    if (!fits(at, bytes)) return fail_with(ErrorCode::kConflict, "it has changed meanwhile");
    return bytes.size();
  }

 private:
  std::nullopt_t fail_with(ErrorCode code, std::string_view why) {
    state_ = fail(code, fmt::format("cannot send {}: {}", body_.file.string(), why));
    return std::nullopt;
  }

  // Says no before the last bytes are out: a server keeps nothing of a request that has no end.
  bool fits(std::uint64_t at, std::span<const char> bytes) {
    if (body_.sha256.empty()) return true;
    if (at == 0) {  // another attempt begins anew
      hasher_.emplace(Digest::Kind::kSha256, body_.size);
      hashed_ = 0;
    }
    if (at != hashed_ || !hasher_) return false;
    hasher_->add(bytes);
    hashed_ += bytes.size();
    return hashed_ < body_.size || hasher_->finish().hex == body_.sha256;
  }

  const Body& body_;
  int fd_ = -1;
  std::optional<Hasher> hasher_;
  std::uint64_t hashed_ = 0;  // bytes
  Result<void> state_;
};

// One attempt's answer, as it comes.
struct Attempt {
  Answer answer;
  bool too_large = false;
  std::optional<CURLcode> code;  // nothing = stopped
};

Attempt attempt(CURLM* multi, Exchange& exchange, const Outgoing& request, const SendOptions& options,
                BodySource& body) {
  const Call call = request.call();
  Attempt out{.answer = {.url = call.url}};
  auto headers = call.plain_headers;
  headers.insert(headers.end(), call.headers.begin(), call.headers.end());
  exchange.prepare(call.url, headers, options.net, [&](std::span<const char> bytes) {
    out.answer.body.append(bytes.data(), bytes.size());
    out.too_large = out.answer.body.size() > options.answer_max;
    return !out.too_large;
  });
  BodyReader reader;
  if (body.size() > 0 || request.method == "PUT" || request.method == "POST")
    reader = [&](std::uint64_t at, std::span<char> into) {
      const auto got = body.read(at, into);
      if (options.on_sent && got) options.on_sent(at + *got);
      return got;
    };
  exchange.set_method(request.method, body.size(), std::move(reader));
  out.code = run_exchange(multi, exchange, options.stop);
  out.answer.status = exchange.status();
  out.answer.headers = exchange.headers();
  return out;
}

}  // namespace

Result<Answer> send(const Outgoing& request, const SendOptions& options) {
  HEARTH_CHECK(load_curl());
  const Multi multi = make_multi();
  const std::stop_callback on_stop(options.stop, [&] { curl().multi_wakeup(multi.get()); });
  std::mt19937 random(std::random_device{}());
  BodySource body(request.body);
  HEARTH_CHECK(body.check());
  Exchange exchange;
  for (int failures = 1;; ++failures) {
    auto done = attempt(multi.get(), exchange, request, options, body);
    const std::string shown = printable(done.answer.url);
    if (!done.code) return fail(ErrorCode::kCancelled, fmt::format("{}: stopped", shown));
    HEARTH_CHECK(body.check());
    if (done.too_large)
      return fail(ErrorCode::kPayloadTooLarge,
                  fmt::format("{}: answers more than {} bytes", shown, options.answer_max));
    const bool answered = done.code == CURLE_OK;
    const bool transient =
        !answered || is_transient_status(done.answer.status) || (options.try_again && options.try_again(done.answer));
    const auto asked = exchange.retry_after();
    const bool worth_it =
        failures < options.net.retry.attempts_max && (!asked || *asked <= options.net.retry.asked_max);
    if (answered && (!transient || !worth_it)) return std::move(done.answer);
    if (!worth_it) return fail(ErrorCode::kUnavailable, fmt::format("{}: {}", shown, exchange.problem(*done.code)));
    if (options.on_trouble) options.on_trouble(fmt::format("{}: {}", host_of(shown), exchange.problem(*done.code)));
    if (options.on_sent) options.on_sent(0);
    if (!pause(multi.get(), backoff(options.net.retry, failures, asked, random), options.stop))
      return fail(ErrorCode::kCancelled, fmt::format("{}: stopped", shown));
  }
}

}  // namespace hearth::store::fetch
