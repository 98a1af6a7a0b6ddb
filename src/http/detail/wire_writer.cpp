#include "http/detail/wire_writer.hpp"

#include <utility>

#include "base/strings.hpp"

namespace hearth::http::detail {

namespace {

constexpr base::Bytes kSlowestReader{64ULL << 10};  // per second, of an answer that is longer than the timeout allows

std::unexpected<Error> misuse(const char* what) { return fail(ErrorCode::kInternal, what); }

std::optional<std::uint64_t> given_length(const Headers& headers) {
  const auto text = headers.get("Content-Length");
  const auto number = text ? base::parse_int(*text) : std::nullopt;
  if (!number || *number < 0) return std::nullopt;
  return static_cast<std::uint64_t>(*number);
}

bool asks_to_close(const Headers& headers) {
  const auto value = headers.get("Connection");
  return value && base::equals_ignore_case(*value, "close");
}

}  // namespace

WireWriter::WireWriter(Wire& wire, const Facts& facts, std::function<void()> on_broken)
    : wire_(wire), facts_(facts), on_broken_(std::move(on_broken)) {}

void WireWriter::leave(CancelReason reason) {
  if (reason_ != CancelReason::kNone) return;
  reason_ = reason;
  stop_.request_stop();
}

rt::Task<Result<void>> WireWriter::respond(Response response) {
  if (state_ != State::kNew) co_return misuse("respond() after the answer had been started");
  if (asks_to_close(response.headers)) facts_.keep_alive = false;
  const bool has_body = status_has_body(response.status);
  framing_ = {.framing = has_body ? Framing::kLength : Framing::kNone,
              .length = response.body.size(),
              .version = facts_.version,
              .keep_alive = facts_.keep_alive};
  if (facts_.head_request && has_body && response.body.empty()) {
    framing_.length = given_length(response.headers).value_or(0);
  }
  std::string head = response_head_text(response, framing_);
  if (facts_.head_request || !has_body) response.body.clear();
  co_return co_await send(std::move(head), std::move(response.body), {}, State::kComplete);
}

void WireWriter::choose_framing(const ResponseHead& head) {
  if (asks_to_close(head.headers)) facts_.keep_alive = false;
  const auto length = given_length(head.headers);
  body_suppressed_ = facts_.head_request || !status_has_body(head.status);
  framing_ = {.framing = Framing::kChunked, .length = length.value_or(0), .version = facts_.version};
  if (!status_has_body(head.status)) {
    framing_.framing = Framing::kNone;
  } else if (length) {
    framing_.framing = Framing::kLength;
  } else if (facts_.version < 11) {
    framing_.framing = Framing::kUntilClose;
    if (!facts_.head_request) facts_.keep_alive = false;
  }
  framing_.keep_alive = facts_.keep_alive;
}

rt::Task<Result<void>> WireWriter::start(ResponseHead head) {
  if (state_ != State::kNew) co_return misuse("start() after the answer had been started");
  choose_framing(head);
  co_return co_await send(response_head_text(head, framing_), {}, {}, State::kStreaming);
}

rt::Task<Result<void>> WireWriter::write(std::string chunk) {
  if (state_ == State::kBroken) co_return fail(ErrorCode::kCancelled, "the client has gone");
  if (state_ != State::kStreaming) co_return misuse("write() without start()");
  if (body_suppressed_ || chunk.empty()) co_return Result<void>();
  written_ += chunk.size();
  if (framing_.framing == Framing::kLength && written_ > framing_.length) {
    co_return misuse("the body is longer than its Content-Length");
  }
  if (framing_.framing != Framing::kChunked) co_return co_await send({}, std::move(chunk), {}, State::kStreaming);
  std::string head = chunk_head(chunk.size());
  co_return co_await send(std::move(head), std::move(chunk), "\r\n", State::kStreaming);
}

rt::Task<Result<void>> WireWriter::finish() {
  if (state_ == State::kBroken) co_return fail(ErrorCode::kCancelled, "the client has gone");
  if (state_ != State::kStreaming) co_return misuse("finish() without start()");
  if (!body_suppressed_ && framing_.framing == Framing::kLength && written_ != framing_.length) {
    co_return misuse("the body is shorter than its Content-Length");
  }
  if (!body_suppressed_ && framing_.framing == Framing::kChunked) {
    co_return co_await send("0\r\n\r\n", {}, {}, State::kComplete);
  }
  state_ = State::kComplete;
  co_return Result<void>();
}

rt::Task<Result<void>> WireWriter::send(std::string head, std::string body, std::string_view tail, State next) {
  state_ = State::kBroken;  // until the bytes are out: a write that is given up midway leaves a broken answer
  sending_last_ = next == State::kComplete;
  const std::chrono::seconds for_size(body.size() / kSlowestReader.count);
  auto sent = co_await wire_.write(std::move(head), std::move(body), tail,
                                   base::Deadline::after(facts_.write_timeout + for_size));
  sending_last_ = false;
  if (!sent) {
    if (const auto broken = std::exchange(on_broken_, nullptr)) broken();
    co_return sent;
  }
  state_ = next;
  co_return sent;
}

}  // namespace hearth::http::detail
