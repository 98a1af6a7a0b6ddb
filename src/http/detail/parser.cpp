#include "http/detail/parser.hpp"

#include <boost/beast/http/basic_parser.hpp>
#include <utility>

#include "base/strings.hpp"

namespace hearth::http::detail {

namespace beast_http = boost::beast::http;
using boost::beast::string_view;
using boost::system::error_code;

namespace {

std::string_view view(string_view text) { return {text.data(), text.size()}; }

// Beast's parser asserts that the last chunk arrives in at most two pieces; five bytes always suffice to end a body.
constexpr std::size_t kLastChunkSize = 5;

// Beast's incremental parser (RFC 9112 syntax, length and chunk arithmetic) filling our own values.
template <bool kRequest>
class Parser : public beast_http::basic_parser<kRequest> {
 public:
  explicit Parser(base::Bytes header_max) {
    this->header_limit(static_cast<std::uint32_t>(std::min<std::uint64_t>(header_max.count, 1ULL << 30)));
    this->body_limit(boost::none);
  }

  Fed feed(std::string_view bytes, error_code& error) {
    Fed fed;
    while (fed.consumed < bytes.size() && !this->is_done()) {
      const std::string_view rest = bytes.substr(fed.consumed);
      if (this->is_header_done() && this->chunked() && chunk_left_ == 0 && rest.size() < kLastChunkSize) break;
      const bool had_head = this->is_header_done();
      fed.consumed += this->put({rest.data(), rest.size()}, error);
      if (error == beast_http::error::need_more) {
        error = {};
        break;
      }
      if (error || (!had_head && this->is_header_done())) return fed;
    }
    fed.need_more = !this->is_done();
    return fed;
  }
  [[nodiscard]] bool may_take(std::size_t size) const { return body_max_ >= body_size_ + size; }

  RequestHead request;
  ResponseHead response;
  std::string body;
  bool discard = false;
  bool foreign_encoding = false;
  std::size_t host_count = 0;
  std::uint64_t body_max_ = ~0ULL;

 protected:
  void on_request_impl(beast_http::verb, string_view method, string_view target, int version, error_code&) override {
    request.method_text = view(method);
    request.method = method_from(view(method));
    request.target = view(target);
    request.version = version;
  }
  void on_response_impl(int code, string_view, int, error_code&) override { response.status = code; }
  void on_field_impl(beast_http::field field, string_view name, string_view value, error_code&) override {
    if (this->is_header_done()) return;  // a trailer must not become a header
    if (field == beast_http::field::host) ++host_count;
    if (field == beast_http::field::transfer_encoding && !base::equals_ignore_case(view(value), "chunked")) {
      foreign_encoding = true;
    }
    (kRequest ? request.headers : response.headers).add(view(name), view(value));
  }
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(string_view piece, error_code& error) override { return take(piece, error); }
  void on_chunk_header_impl(std::uint64_t size, string_view, error_code&) override { chunk_left_ = size; }
  std::size_t on_chunk_body_impl(std::uint64_t, string_view piece, error_code& error) override {
    chunk_left_ -= piece.size();
    return take(piece, error);
  }
  void on_finish_impl(error_code&) override {}

 private:
  std::size_t take(string_view piece, error_code& error) {
    body_size_ += piece.size();
    if (body_size_ > body_max_) {
      error = beast_http::error::body_limit;
      return 0;
    }
    if (!discard) body.append(piece.data(), piece.size());
    return piece.size();
  }

  std::uint64_t chunk_left_ = 0;
  std::uint64_t body_size_ = 0;
};

// The message is for the client: what is wrong with its bytes, not how our parser calls it.
Error request_error(error_code error, bool in_body) {
  if (error == beast_http::error::header_limit) {
    return {.code = ErrorCode::kHeaderTooLarge, .message = "the request header is larger than this server accepts"};
  }
  if (error == beast_http::error::body_limit) {
    return {.code = ErrorCode::kPayloadTooLarge, .message = "the request body is larger than this route accepts"};
  }
  std::string message = "malformed HTTP request";
  if (in_body) {
    message = "malformed chunked request body";
  } else if (error == beast_http::error::bad_version) {
    message = "this server speaks HTTP/1.1 and HTTP/1.0 only";
  } else if (error == beast_http::error::bad_content_length || error == beast_http::error::multiple_content_length) {
    message = "malformed or contradictory Content-Length";
  } else if (error == beast_http::error::bad_transfer_encoding) {
    message = "Transfer-Encoding is repeated or contradicts Content-Length";
  } else if (error == beast_http::error::bad_target) {
    message = "malformed request target";
  }
  return {.code = ErrorCode::kInvalidRequest, .message = std::move(message)};
}

// "http://host/path" (absolute form) -> "/path".
std::string_view origin_form(std::string_view target) {
  const std::size_t scheme = target.find("://");
  if (target.starts_with('/') || scheme == std::string_view::npos) return target;
  const std::size_t path = target.find_first_of("/?", scheme + 3);
  return path == std::string_view::npos ? std::string_view("/") : target.substr(path);
}

Result<void> complete_head(RequestHead& head, std::size_t host_count) {
  const std::string_view target = origin_form(head.target);
  const std::size_t question = std::min(target.find('?'), target.size());
  head.path = percent_decode(target.substr(0, question), true);
  if (head.path.empty()) head.path = "/";
  if (head.path.find('\0') != std::string::npos) return fail(ErrorCode::kInvalidRequest, "the path holds a NUL (%00)");
  head.query = question < target.size() ? target.substr(question + 1) : std::string_view();
  if (host_count > 1) return fail(ErrorCode::kInvalidRequest, "more than one Host header");
  if (host_count == 0 && head.version >= 11) return fail(ErrorCode::kInvalidRequest, "the Host header is missing");
  return {};
}

}  // namespace

struct RequestParser::Impl : Parser<true> {
  using Parser<true>::Parser;
};

RequestParser::RequestParser(base::Bytes header_max) : impl_(std::make_unique<Impl>(header_max)) {}
RequestParser::~RequestParser() = default;

Result<Fed> RequestParser::feed(std::string_view bytes) {
  const bool had_head = impl_->is_header_done();
  impl_->eager(had_head);
  error_code error;
  const Fed fed = impl_->feed(bytes, error);
  if (error) return fail(request_error(error, had_head));
  if (!had_head && impl_->is_header_done()) {
    if (impl_->foreign_encoding) {
      return fail(ErrorCode::kInvalidRequest, "the only Transfer-Encoding accepted is 'chunked'");
    }
    if (impl_->request.version < 11 && impl_->chunked()) {
      return fail(ErrorCode::kInvalidRequest, "HTTP/1.0 has no Transfer-Encoding");
    }
    HEARTH_CHECK(complete_head(impl_->request, impl_->host_count));
  }
  return fed;
}

void RequestParser::limit_body(base::Bytes max) { impl_->body_max_ = max.count; }
void RequestParser::discard_body() {
  impl_->discard = true;
  impl_->body = {};
}
bool RequestParser::head_done() const { return impl_->is_header_done(); }
bool RequestParser::done() const { return impl_->is_done(); }
RequestHead& RequestParser::head() { return impl_->request; }
std::string& RequestParser::body() { return impl_->body; }

std::optional<std::uint64_t> RequestParser::declared_length() const {
  const auto length = impl_->content_length();
  return length ? std::optional<std::uint64_t>(*length) : std::nullopt;
}

bool RequestParser::keep_alive() const { return impl_->keep_alive(); }

bool RequestParser::expects_continue() const {
  const auto expect = impl_->request.headers.get("Expect");
  return impl_->request.version >= 11 && expect && base::equals_ignore_case(*expect, "100-continue");
}

struct ResponseParser::Impl : Parser<false> {
  using Parser<false>::Parser;
};

ResponseParser::ResponseParser(base::Bytes header_max, bool answers_head) : impl_(std::make_unique<Impl>(header_max)) {
  if (answers_head) impl_->skip(true);
}
ResponseParser::~ResponseParser() = default;

Result<Fed> ResponseParser::feed(std::string_view bytes) {
  impl_->eager(impl_->is_header_done());
  error_code error;
  const Fed fed = impl_->feed(bytes, error);
  if (error == beast_http::error::header_limit)
    return fail(ErrorCode::kBackendError, "the answer's header is too large");
  if (error) return fail(ErrorCode::kBackendError, "the answer is not valid HTTP (" + error.message() + ")");
  return fed;
}

bool ResponseParser::end_of_stream() {
  if (impl_->is_done()) return true;
  if (!impl_->is_header_done()) return false;
  error_code error;
  impl_->put_eof(error);
  return !error;
}

bool ResponseParser::head_done() const { return impl_->is_header_done(); }
bool ResponseParser::done() const { return impl_->is_done(); }
ResponseHead& ResponseParser::head() { return impl_->response; }
std::string ResponseParser::take_body() { return std::exchange(impl_->body, {}); }
bool ResponseParser::keep_alive() const { return impl_->keep_alive(); }

}  // namespace hearth::http::detail
