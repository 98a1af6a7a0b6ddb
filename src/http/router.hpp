#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "http/service.hpp"

namespace hearth::http {

// What the names in a pattern matched, percent-decoded ("%2F" included).
class RouteArgs {
 public:
  // REQUIRES: the pattern of the route has `name`.
  [[nodiscard]] const std::string& get(std::string_view name) const;
  void set(std::string_view name, std::string value);

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

using RouteHandler = std::function<rt::Task<void>(Request, RouteArgs, ResponseWriter&)>;

// A table of routes. A pattern is a path whose segments are text, "{name}" (one segment) or, once, "{name...}" (one or
// more segments, so that names may hold slashes, literal or as %2F; what follows it in the pattern is split off from
// the right). Of several patterns that match, text wins over {name}, {name} over {name...}, and a longer pattern over a
// shorter one; among those the first that has the method answers. HEAD falls back to GET. Add all routes before the
// first request; after that it is only read and any thread may call it.
class Router final : public Service {
 public:
  // Answers when no pattern matches; default: 404 through refuse().
  std::function<Response(const RequestHead&)> on_unknown;
  // Answers when patterns match but none has the method; `allow` is the Allow header's value ("GET, HEAD, POST"), which
  // is set on the answer. Default: 405 through refuse().
  std::function<Response(const RequestHead&, const std::string& allow)> on_wrong_method;
  // Makes the server's own answers; default: Service's.
  std::function<Response(const RequestHead&, const Error&)> on_refuse;
  // Body limit where no route matches.
  RoutePolicy unknown_policy;

  // REQUIRES: the pattern begins with '/', names are unique in it, and the pair of method and pattern is new.
  void add(Method method, std::string_view pattern, RouteHandler handler, RoutePolicy policy = {});

  // The pattern that would answer, for metrics: a bounded set of labels. "other" if none does.
  [[nodiscard]] std::string_view pattern_of(const RequestHead& head) const;

  [[nodiscard]] RoutePolicy policy(const RequestHead& head) const override;
  [[nodiscard]] rt::Task<void> serve(Request request, ResponseWriter& writer) override;
  [[nodiscard]] Response refuse(const RequestHead& head, const Error& error) const override;

 private:
  struct Segment {
    enum class Kind { kText, kOne, kMany };
    Kind kind = Kind::kText;
    std::string text;  // or the name
  };
  struct Endpoint {
    Method method = Method::kGet;
    RouteHandler handler;
    RoutePolicy policy;
  };
  struct Route {
    std::string pattern;
    std::vector<Segment> segments;
    std::vector<Endpoint> endpoints;
  };
  struct Found {
    const Endpoint* endpoint = nullptr;
    std::string_view pattern = "other";
    RouteArgs args;
    std::vector<Method> allowed;  // of all patterns that match
  };

  static std::vector<Segment> parse(std::string_view pattern);
  static bool more_specific(const Route& a, const Route& b);
  static bool match(const Route& route, const std::vector<std::string_view>& path, RouteArgs& args);
  [[nodiscard]] Found find(const RequestHead& head) const;
  [[nodiscard]] Response answer_without_route(const RequestHead& head, const Found& found) const;

  std::vector<Route> routes_;  // most specific first
};

}  // namespace hearth::http
