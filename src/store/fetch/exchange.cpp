#include "store/fetch/exchange.hpp"

#include <algorithm>
#include <cstdio>
#include <fmt/format.h>

#include "base/strings.hpp"

namespace hearth::store::fetch {
namespace {

constexpr std::size_t kHeaderBytesMax = 64 << 10;
constexpr long kBufferBytes = 256 << 10;
constexpr long kSlowestBytesPerS = 256;  // less for Net::stall is no transfer

}  // namespace

Multi make_multi() {
  Multi multi(curl().multi_init());
  curl().multi_setopt(multi.get(), CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
  return multi;
}

Exchange::Exchange() : easy_(curl().easy_init()) {}

void Exchange::prepare(const std::string& url, const std::vector<std::string>& headers, const Net& net,
                       std::function<bool(std::span<const char>)> on_body) {
  CURL* const easy = easy_.get();
  curl().easy_reset(easy);
  on_body_ = std::move(on_body);
  status_ = 0;
  headers_.clear();
  header_bytes_ = 0;
  error_text_[0] = '\0';
  curl_slist* list = nullptr;
  for (const auto& line : headers) list = curl().slist_append(list, line.c_str());
  header_list_.reset(list);

  curl().easy_setopt(easy, CURLOPT_URL, url.c_str());
  curl().easy_setopt(easy, CURLOPT_HTTPHEADER, list);
  curl().easy_setopt(easy, CURLOPT_USERAGENT, net.user_agent.c_str());
  curl().easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl().easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);  // 7.88 crashes on HTTP/2
  curl().easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl().easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl().easy_setopt(easy, CURLOPT_BUFFERSIZE, kBufferBytes);
  curl().easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl().easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(net.connect_timeout.count()));
  curl().easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, kSlowestBytesPerS);
  curl().easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, static_cast<long>(net.stall.count()));
  curl().easy_setopt(easy, CURLOPT_ERRORBUFFER, error_text_);
  curl().easy_setopt(easy, CURLOPT_HEADERFUNCTION, &Exchange::take_header);
  curl().easy_setopt(easy, CURLOPT_HEADERDATA, this);
  curl().easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Exchange::take_body);
  curl().easy_setopt(easy, CURLOPT_WRITEDATA, this);
  curl().easy_setopt(easy, CURLOPT_PRIVATE, this);
}

void Exchange::set_method(const std::string& method, std::uint64_t size, BodyReader read) {
  CURL* const easy = easy_.get();
  if (method == "HEAD") curl().easy_setopt(easy, CURLOPT_NOBODY, 1L);
  read_ = std::move(read);
  read_at_ = 0;
  read_end_ = size;
  if (read_) {
    curl().easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl().easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(size));
    curl().easy_setopt(easy, CURLOPT_READFUNCTION, &Exchange::give_body);
    curl().easy_setopt(easy, CURLOPT_READDATA, this);
    curl().easy_setopt(easy, CURLOPT_SEEKFUNCTION, &Exchange::seek_body);
    curl().easy_setopt(easy, CURLOPT_SEEKDATA, this);
  }
  if (method != "GET" && method != "HEAD") curl().easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method.c_str());
}

std::size_t Exchange::give_body(char* data, std::size_t size, std::size_t count, void* self) {
  auto& exchange = *static_cast<Exchange*>(self);
  const auto wanted = std::min<std::uint64_t>(size * count, exchange.read_end_ - exchange.read_at_);
  if (wanted == 0) return 0;
  const auto got = exchange.read_(exchange.read_at_, {data, static_cast<std::size_t>(wanted)});
  if (!got || *got == 0) return CURL_READFUNC_ABORT;  // shorter than was said
  exchange.read_at_ += *got;
  return *got;
}

// A request that goes out again on a new connection begins anew.
int Exchange::seek_body(void* self, curl_off_t offset, int origin) {
  if (origin != SEEK_SET || offset < 0) return CURL_SEEKFUNC_FAIL;
  static_cast<Exchange*>(self)->read_at_ = static_cast<std::uint64_t>(offset);
  return CURL_SEEKFUNC_OK;
}

std::size_t Exchange::take_header(char* data, std::size_t size, std::size_t count, void* self) {
  auto& exchange = *static_cast<Exchange*>(self);
  const std::string_view line(data, size * count);
  exchange.header_bytes_ += line.size();
  if (exchange.header_bytes_ > kHeaderBytesMax) return 0;
  if (line.starts_with("HTTP/")) {  // a new head: the one before was interim
    exchange.headers_.clear();
    const auto space = line.find(' ');
    exchange.status_ =
        space == std::string_view::npos ? 0 : static_cast<long>(base::parse_int(line.substr(space + 1, 3)).value_or(0));
  } else if (const auto colon = line.find(':'); colon != std::string_view::npos) {
    exchange.headers_[base::to_lower(base::trim(line.substr(0, colon)))] = base::trim(line.substr(colon + 1));
  }
  return line.size();
}

std::size_t Exchange::take_body(char* data, std::size_t size, std::size_t count, void* self) {
  auto& exchange = *static_cast<Exchange*>(self);
  const std::size_t bytes = size * count;
  return exchange.on_body_({data, bytes}) ? bytes : 0;
}

std::string Exchange::header(const std::string& name) const {
  const auto it = headers_.find(name);
  return it == headers_.end() ? std::string() : it->second;
}

bool Exchange::redirected() const {
  constexpr long kRedirects[] = {301, 302, 303, 307, 308};
  return std::ranges::find(kRedirects, status_) != std::end(kRedirects) && headers_.contains("location");
}

std::optional<std::chrono::seconds> Exchange::retry_after() const {
  const auto it = headers_.find("retry-after");
  if (it == headers_.end()) return std::nullopt;
  return parse_retry_after(it->second, header("date"), std::chrono::system_clock::now());
}

std::string Exchange::problem(CURLcode code) const {
  if (code != CURLE_OK) return base::one_line(error_text_[0] != '\0' ? error_text_ : curl().easy_strerror(code));
  return fmt::format("answered {}", status_);
}

}  // namespace hearth::store::fetch
