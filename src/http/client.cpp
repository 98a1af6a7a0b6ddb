#include "http/client.hpp"

#include <deque>
#include <fmt/format.h>
#include <utility>

#include "base/strings.hpp"
#include "http/detail/connect.hpp"
#include "http/detail/exchange.hpp"

namespace hearth::http {

namespace {

std::unexpected<Error> bad_url(std::string_view url, const char* why) {
  return fail(ErrorCode::kInvalidRequest, fmt::format("'{}' is not an endpoint: {}", url, why), "url");
}

Result<std::uint16_t> parse_port(std::string_view url, std::string_view text) {
  const auto port = base::parse_int(text);
  if (!port || *port < 1 || *port > 65535) return bad_url(url, "the port must be 1 to 65535");
  return static_cast<std::uint16_t>(*port);
}

}  // namespace

Result<Endpoint> Endpoint::parse(std::string_view url) {
  Endpoint out;
  std::string_view rest = url;
  if (rest.starts_with("unix:")) {
    rest.remove_prefix(5);
    if (rest.starts_with("//")) rest.remove_prefix(2);
    if (rest.empty()) return bad_url(url, "the path is missing");
    out.unix_path = std::string(rest);
    return out;
  }
  if (base::starts_with_ignore_case(rest, "https://")) {
    out.tls = true;
    rest.remove_prefix(8);
  } else if (base::starts_with_ignore_case(rest, "http://")) {
    rest.remove_prefix(7);
  } else {
    return bad_url(url, "it must begin with http://, https:// or unix:");
  }
  out.port = out.tls ? 443 : 80;
  std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  if (authority.find('@') != std::string_view::npos) return bad_url(url, "credentials do not belong in it");
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos) return bad_url(url, "']' is missing");
    out.host = authority.substr(1, end - 1);
    authority.remove_prefix(end + 1);
    if (!authority.empty() && authority.front() != ':') return bad_url(url, "only a port may follow ']'");
  } else {
    out.host = authority.substr(0, authority.find(':'));
    authority.remove_prefix(out.host.size());
  }
  if (out.host.empty()) return bad_url(url, "the host is missing");
  if (!authority.empty()) {
    HEARTH_TRY(out.port, parse_port(url, authority.substr(1)));
  }
  return out;
}

std::string Endpoint::describe() const {
  if (!unix_path.empty()) return "unix:" + unix_path.string();
  const bool literal_v6 = host.find(':') != std::string::npos;
  return fmt::format("{}://{}{}{}:{}", tls ? "https" : "http", literal_v6 ? "[" : "", host, literal_v6 ? "]" : "",
                     port);
}

namespace {
constexpr std::size_t kIdleReadAhead = 2048;

std::string host_header(const Endpoint& endpoint) {
  if (!endpoint.unix_path.empty()) return "localhost";
  const std::string name = endpoint.host.find(':') != std::string::npos ? "[" + endpoint.host + "]" : endpoint.host;
  return endpoint.port == (endpoint.tls ? 443 : 80) ? name : fmt::format("{}:{}", name, endpoint.port);
}
}  // namespace

struct Client::Impl : public std::enable_shared_from_this<Client::Impl> {
  Impl(rt::Executor e, Endpoint where, const ClientOptions& o)
      : executor(std::move(e)), endpoint(std::move(where)), options(o), host(host_header(endpoint)) {
    if (endpoint.tls) tls = detail::client_tls_context(options.verify_tls);
  }
  ~Impl() {
    for (const auto& wire : idle) wire->close();
  }

  // The connection used last, if it still lives.
  std::shared_ptr<detail::Wire> take_idle() {
    while (!idle.empty()) {
      auto wire = std::move(idle.back());
      idle.pop_back();
      if (!wire->ended() && wire->input().empty()) {
        wire->stop_read_ahead();
        return wire;
      }
      wire->close();
    }
    return nullptr;
  }
  void give_back(std::shared_ptr<detail::Wire> wire) {
    wire->relax();
    wire->read_ahead(kIdleReadAhead, {});  // sees the server close it, or talk out of turn
    idle.push_back(std::move(wire));
    if (idle.size() <= options.idle_connections_max) return;
    idle.front()->close();
    idle.pop_front();
  }
  std::unique_ptr<detail::Exchange> exchange_on(std::shared_ptr<detail::Wire> wire, Method method) {
    auto give = [weak = weak_from_this()](std::shared_ptr<detail::Wire> used) {
      if (const auto self = weak.lock()) {
        self->give_back(std::move(used));
      } else {
        used->close();
      }
    };
    return std::make_unique<detail::Exchange>(std::move(wire), endpoint.describe(), options, method == Method::kHead,
                                              std::move(give));
  }
  static rt::Task<Result<std::unique_ptr<ClientResponse>>> send(std::shared_ptr<Impl> self, Request request,
                                                                base::Deadline deadline);

  rt::Executor executor;
  Endpoint endpoint;
  ClientOptions options;
  std::string host;
  detail::TlsContext tls;
  std::deque<std::shared_ptr<detail::Wire>> idle;
};

rt::Task<Result<std::unique_ptr<ClientResponse>>> Client::Impl::send(std::shared_ptr<Impl> self, Request request,
                                                                     base::Deadline deadline) {
  for (bool fresh = false; true; fresh = true) {
    auto wire = fresh ? nullptr : self->take_idle();
    const bool reused = wire != nullptr;
    if (!reused) {
      auto connected = co_await detail::connect(self->executor, self->endpoint, self->options, self->tls, deadline);
      if (!connected) co_return fail(std::move(connected).error());
      wire = *std::move(connected);
    }
    auto exchange = self->exchange_on(std::move(wire), request.method);
    auto begun = co_await exchange->begin(request, self->host, deadline);
    if (begun) co_return std::move(exchange);
    // It had been closed while idle.
    if (reused && exchange->sent_nothing_back() && (self->options.resend || exchange->unsent())) continue;
    co_return fail(std::move(begun).error());
  }
}

Client::Client(rt::Executor executor, Endpoint endpoint, ClientOptions options)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(endpoint), options)) {}

Client::~Client() = default;

rt::Task<Result<std::unique_ptr<ClientResponse>>> Client::send(Request request, base::Deadline deadline) {
  return Impl::send(impl_, std::move(request), deadline);
}

rt::Task<Result<Response>> Client::fetch(Request request, base::Deadline deadline, base::Bytes body_max) {
  auto answer = co_await send(std::move(request), deadline);
  if (!answer) co_return fail(std::move(answer).error());
  Response response;
  static_cast<ResponseHead&>(response) = (*answer)->head();
  while (true) {
    auto piece = co_await (*answer)->read(deadline);
    if (!piece) co_return fail(std::move(piece).error());
    if (piece->empty()) co_return response;
    if (response.body.size() + piece->size() > body_max.count) {
      co_return fail(ErrorCode::kPayloadTooLarge, fmt::format("the answer is larger than {} bytes", body_max.count));
    }
    response.body += *piece;
  }
}

}  // namespace hearth::http
