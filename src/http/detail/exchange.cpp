#include "http/detail/exchange.hpp"

#include <fmt/format.h>
#include <utility>

#include "http/detail/serialize.hpp"

namespace hearth::http::detail {

Exchange::Exchange(std::shared_ptr<Wire> wire, std::string where, const ClientOptions& options, bool answers_head,
                   std::function<void(std::shared_ptr<Wire>)> give_back)
    : wire_(std::move(wire)),
      where_(std::move(where)),
      header_max_(options.header_max),
      answers_head_(answers_head),
      give_back_(std::move(give_back)) {}

Exchange::~Exchange() {
  if (!finished_) wire_->close();
}

Error Exchange::cut() const {
  return {.code = ErrorCode::kStreamCut, .message = fmt::format("{} closed the connection in mid-answer", where_)};
}

Error Exchange::late(const char* what) const {
  return {.code = ErrorCode::kTimeout, .message = fmt::format("{}: {} took too long", where_, what)};
}

rt::Task<Result<void>> Exchange::begin(const Request& request, const std::string& host, base::Deadline deadline) {
  std::string head = request_head_text(request, host);
  const auto written = co_await wire_->write(std::move(head), request.body, {}, deadline);
  if (!written && written.error().code == ErrorCode::kTimeout) co_return fail(late("sending the request"));
  unsent_ = !written;
  // A server that refuses may close before it has read everything: its answer counts all the same.
  co_return co_await read_head(deadline);
}

rt::Task<Result<void>> Exchange::read_head(base::Deadline deadline) {
  bool any_byte = false;
  parser_ = std::make_unique<ResponseParser>(header_max_, answers_head_);
  while (true) {
    any_byte = any_byte || !wire_->input().empty();
    const auto fed = parser_->feed(wire_->input());
    if (!fed) co_return fail(ErrorCode::kBackendError, where_ + ": " + fed.error().message);
    wire_->consume(fed->consumed);
    if (parser_->head_done()) {
      if (parser_->head().status / 100 != 1) break;
      parser_ = std::make_unique<ResponseParser>(header_max_, answers_head_);  // 100 Continue and the like
      continue;
    }
    const auto input = co_await wire_->more(deadline);
    if (input == Wire::Input::kLate) co_return fail(late("the answer"));
    if (input == Wire::Input::kEnd) {
      sent_nothing_back_ = !any_byte;
      co_return fail(cut());
    }
  }
  head_ = std::move(parser_->head());
  co_return Result<void>();
}

rt::Task<Result<std::string>> Exchange::read(base::Deadline deadline) {
  while (!finished_) {
    if (!parser_->done()) {
      const auto fed = parser_->feed(wire_->input());
      if (!fed) {
        wire_->close();
        co_return fail(ErrorCode::kStreamCut, where_ + ": " + fed.error().message);
      }
      wire_->consume(fed->consumed);
    }
    if (std::string piece = parser_->take_body(); !piece.empty()) co_return piece;
    if (parser_->done()) {
      finish();
      break;
    }
    const auto input = co_await wire_->more(deadline);
    if (input == Wire::Input::kLate) co_return fail(late("the next piece of the answer"));
    if (input == Wire::Input::kEnd && !(wire_->ended_orderly() && parser_->end_of_stream())) co_return fail(cut());
  }
  co_return std::string();
}

void Exchange::finish() {
  finished_ = true;
  const bool reusable = parser_->keep_alive() && !wire_->ended() && wire_->input().empty();
  if (reusable) {
    give_back_(wire_);
  } else {
    wire_->close();
  }
}

}  // namespace hearth::http::detail
