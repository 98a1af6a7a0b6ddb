#include "remote/hearth_backend.hpp"

#include <fmt/format.h>
#include <utility>

#include "dialect/native/native.hpp"
#include "http/stream_reader.hpp"

namespace hearth::remote {
namespace {

// One answer: lines of the body become events; anything that is not a proper end becomes Failed.
class Stream final : public backend::EventStream {
 public:
  Stream(std::unique_ptr<http::ClientResponse> response, Error cut)
      : response_(std::move(response)), cut_(std::move(cut)) {}

  rt::Task<std::vector<domain::Event>> next(base::Deadline deadline) override {
    std::vector<domain::Event> out;
    while (out.empty()) {
      auto piece = co_await response_->read(deadline);
      if (!piece && piece.error().code == ErrorCode::kTimeout) co_return out;
      if (!piece || piece->empty()) {
        out.emplace_back(domain::Failed{cut_});
        break;
      }
      if (const auto ok = decode(*piece, out); !ok) out.emplace_back(domain::Failed{ok.error()});
    }
    if (domain::ends_stream(out.back()) && std::holds_alternative<domain::Finished>(out.back())) co_await drain();
    co_return out;
  }

 private:
  Result<void> decode(std::string_view bytes, std::vector<domain::Event>& out) {
    HEARTH_TRY(const auto frames, reader_.feed(bytes));
    for (const auto& frame : frames) {
      HEARTH_TRY(auto event, dialect::native::read_event(frame.data));
      out.push_back(std::move(event));
      if (domain::ends_stream(out.back())) break;
    }
    return {};
  }
  // The end of the body, so that the connection can be used again.
  rt::Task<void> drain() {
    const auto rest = co_await response_->read(base::Deadline::after(std::chrono::seconds(1)));
    if (rest && rest->empty()) response_.reset();
  }

  std::unique_ptr<http::ClientResponse> response_;
  http::NdjsonReader reader_{base::Bytes{1ULL << 30}};  // the tokens of the longest body in one line
  Error cut_;
};

http::Request request_for(std::string target, std::string body) {
  http::Request request;
  request.method = body.empty() ? http::Method::kGet : http::Method::kPost;
  request.method_text = std::string(http::to_string(request.method));
  request.target = std::move(target);
  request.path = request.target;
  if (!body.empty()) request.headers.set("content-type", "application/json");
  request.body = std::move(body);
  return request;
}

}  // namespace

HearthBackend::HearthBackend(const rt::Executor& executor, http::Endpoint endpoint, Options options)
    : options_(std::move(options)), client_(executor, std::move(endpoint), options_.client) {}

rt::Task<Result<std::unique_ptr<backend::EventStream>>> HearthBackend::run(const domain::Request& request,
                                                                           backend::Context context) {
  http::Request wire = request_for("/hearth/v1/run", dialect::native::write_request(request));
  auto sent = co_await client_.send(std::move(wire), context.deadline);
  if (!sent) {
    if (sent.error().code == ErrorCode::kStreamCut) co_return fail(options_.cut_code, options_.cut_message);
    co_return std::unexpected(std::move(sent).error());
  }
  std::unique_ptr<http::ClientResponse> response = *std::move(sent);
  if (response->head().status == 200)
    co_return std::make_unique<Stream>(std::move(response),
                                       Error{.code = options_.cut_code, .message = options_.cut_message});
  std::string body;
  while (body.size() < (1U << 20)) {
    const auto piece = co_await response->read(context.deadline);
    if (!piece || piece->empty()) break;
    body += *piece;
  }
  co_return fail(dialect::native::read_error(body, fmt::format("the backend answered {}", response->head().status)));
}

rt::Task<Result<std::string>> HearthBackend::fetch_info(base::Deadline deadline) {
  http::Request wire = request_for("/hearth/v1/info", "");
  auto response = co_await client_.fetch(std::move(wire), deadline);
  if (!response) co_return std::unexpected(std::move(response).error());
  if (response->status != 200)
    co_return fail(
        dialect::native::read_error(response->body, fmt::format("the backend answered {}", response->status)));
  co_return std::move(response->body);
}

}  // namespace hearth::remote
