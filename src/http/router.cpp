#include "http/router.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/strings.hpp"

namespace hearth::http {

namespace {

std::string joined(const std::vector<std::string_view>& pieces, std::size_t begin, std::size_t end) {
  std::string out;
  for (std::size_t i = begin; i < end; ++i) {
    if (i > begin) out += '/';
    out += pieces[i];
  }
  return out;
}

// The path is decoded already, but for %2F.
std::string with_slashes(std::string text) {
  for (std::size_t at = text.find("%2F"); at != std::string::npos; at = text.find("%2F", at + 1))
    text.replace(at, 3, "/");
  return text;
}

std::string allow_text(std::vector<Method> methods) {
  if (std::ranges::find(methods, Method::kGet) != methods.end()) methods.push_back(Method::kHead);
  std::ranges::sort(methods);
  methods.erase(std::ranges::unique(methods).begin(), methods.end());
  std::string out;
  for (const Method method : methods) {
    if (!out.empty()) out += ", ";
    out += to_string(method);
  }
  return out;
}

}  // namespace

const std::string& RouteArgs::get(std::string_view name) const {
  static const std::string kNone;
  const auto found = values_.find(name);
  return found != values_.end() ? found->second : kNone;
}

void RouteArgs::set(std::string_view name, std::string value) {
  values_.insert_or_assign(std::string(name), std::move(value));
}

void Router::add(Method method, std::string_view pattern, RouteHandler handler, RoutePolicy policy) {
  auto route = std::ranges::find(routes_, pattern, &Route::pattern);
  if (route == routes_.end()) {
    Route fresh{.pattern = std::string(pattern), .segments = parse(pattern), .endpoints = {}};
    const auto place = std::ranges::find_if(routes_, [&](const Route& other) { return more_specific(fresh, other); });
    route = routes_.insert(place, std::move(fresh));
  }
  route->endpoints.push_back({.method = method, .handler = std::move(handler), .policy = policy});
}

std::vector<Router::Segment> Router::parse(std::string_view pattern) {
  std::vector<Segment> out;
  for (const std::string_view piece : base::split(pattern.substr(1), '/')) {
    if (!piece.starts_with('{') || !piece.ends_with('}')) {
      out.push_back({.kind = Segment::Kind::kText, .text = std::string(piece)});
      continue;
    }
    std::string_view name = piece.substr(1, piece.size() - 2);
    const bool many = name.ends_with("...");
    if (many) name.remove_suffix(3);
    out.push_back({.kind = many ? Segment::Kind::kMany : Segment::Kind::kOne, .text = std::string(name)});
  }
  return out;
}

bool Router::more_specific(const Route& a, const Route& b) {
  for (std::size_t i = 0; i < std::min(a.segments.size(), b.segments.size()); ++i) {
    if (a.segments[i].kind != b.segments[i].kind) return a.segments[i].kind < b.segments[i].kind;
  }
  return a.segments.size() > b.segments.size();
}

bool Router::match(const Route& route, const std::vector<std::string_view>& path, RouteArgs& args) {
  const auto& segments = route.segments;
  const bool has_many = std::ranges::find(segments, Segment::Kind::kMany, &Segment::kind) != segments.end();
  if (has_many ? path.size() < segments.size() : path.size() != segments.size()) return false;
  std::size_t at = 0;
  for (const Segment& segment : segments) {
    const std::size_t taken = segment.kind == Segment::Kind::kMany ? path.size() - segments.size() + 1 : 1;
    if (segment.kind == Segment::Kind::kText) {
      if (path[at] != segment.text) return false;
    } else {
      std::string value = joined(path, at, at + taken);
      if (value.empty()) return false;
      args.set(segment.text, with_slashes(std::move(value)));
    }
    at += taken;
  }
  return true;
}

Router::Found Router::find(const RequestHead& head) const {
  Found found;
  if (!head.path.starts_with('/')) return found;
  const auto path = base::split(std::string_view(head.path).substr(1), '/');
  for (const Route& route : routes_) {
    RouteArgs args;
    if (!match(route, path, args)) continue;
    for (const Method wanted : {head.method, head.method == Method::kHead ? Method::kGet : head.method}) {
      const auto endpoint = std::ranges::find(route.endpoints, wanted, &Endpoint::method);
      if (endpoint == route.endpoints.end()) continue;
      found.endpoint = &*endpoint;
      found.pattern = route.pattern;
      found.args = std::move(args);
      return found;
    }
    for (const Endpoint& endpoint : route.endpoints) found.allowed.push_back(endpoint.method);
  }
  return found;
}

std::string_view Router::pattern_of(const RequestHead& head) const { return find(head).pattern; }

RoutePolicy Router::policy(const RequestHead& head) const {
  const Found found = find(head);
  return found.endpoint != nullptr ? found.endpoint->policy : unknown_policy;
}

rt::Task<void> Router::serve(Request request, ResponseWriter& writer) {
  Found found = find(request);
  if (found.endpoint != nullptr) {
    co_await found.endpoint->handler(std::move(request), std::move(found.args), writer);
    co_return;
  }
  Response response = answer_without_route(request, found);
  std::ignore = co_await writer.respond(std::move(response));
}

Response Router::answer_without_route(const RequestHead& head, const Found& found) const {
  if (found.allowed.empty()) {
    if (on_unknown) return on_unknown(head);
    return refuse(head, {.code = ErrorCode::kNotFound, .message = "no such route: " + head.path});
  }
  const std::string allow = allow_text(found.allowed);
  Response response = on_wrong_method
                          ? on_wrong_method(head, allow)
                          : refuse(head, {.code = ErrorCode::kMethodNotAllowed,
                                          .message = head.method_text + " is not allowed here; allowed: " + allow});
  response.headers.set("Allow", allow);
  return response;
}

Response Router::refuse(const RequestHead& head, const Error& error) const {
  return on_refuse ? on_refuse(head, error) : Service::refuse(head, error);
}

}  // namespace hearth::http
