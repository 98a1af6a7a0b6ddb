#include "http/router.hpp"

#include <gtest/gtest.h>
#include <optional>

#include "rt/io_threads.hpp"

namespace hearth::http {
namespace {

// Keeps the answer instead of sending it.
class KeepingWriter final : public ResponseWriter {
 public:
  rt::Task<Result<void>> respond(Response response) override {
    kept = std::move(response);
    co_return Result<void>();
  }
  rt::Task<Result<void>> start(ResponseHead) override { co_return Result<void>(); }
  rt::Task<Result<void>> write(std::string) override { co_return Result<void>(); }
  rt::Task<Result<void>> finish() override { co_return Result<void>(); }
  [[nodiscard]] bool started() const override { return kept.has_value(); }
  [[nodiscard]] std::stop_token gone() const override { return {}; }
  [[nodiscard]] CancelReason reason() const override { return CancelReason::kNone; }

  std::optional<Response> kept;
};

Response ask(Router& router, Method method, std::string path) {
  Request request;
  request.method = method;
  request.method_text = to_string(method);
  request.path = std::move(path);
  KeepingWriter writer;
  rt::run_here(router.serve(std::move(request), writer));
  return writer.kept.value_or(Response{});
}

// Answers with its own name and the argument called `name`.
RouteHandler says(std::string own, std::string name = "") {
  return [own, name](Request, RouteArgs args, ResponseWriter& writer) -> rt::Task<void> {
    Response response;
    response.body = name.empty() ? own : own + ":" + args.get(name);
    [[maybe_unused]] const auto sent = co_await writer.respond(std::move(response));
  };
}

Router table() {
  Router router;
  router.add(Method::kGet, "/", says("root"));
  router.add(Method::kGet, "/v1/models", says("list"));
  router.add(Method::kGet, "/v1/models/{id...}", says("model", "id"));
  router.add(Method::kDelete, "/v1/models/{id...}", says("delete", "id"));
  router.add(Method::kPost, "/v1/models/search", says("search"));
  router.add(Method::kPost, "/hearth/v1/models/{m...}/load", says("load", "m"));
  router.add(Method::kGet, "/hearth/v1/models/{m...}", says("info", "m"));
  router.add(Method::kGet, "/jobs/{id}", says("job", "id"), {.body_max = base::Bytes{7}});
  router.add(Method::kGet, "/jobs/{id}/events", says("events", "id"));
  return router;
}

TEST(Router, table) {
  Router router = table();
  struct Row {
    Method method;
    const char* path;
    const char* want;
  };
  for (const Row& row : {
           Row{Method::kGet, "/", "root"},
           Row{Method::kGet, "/v1/models", "list"},
           Row{Method::kHead, "/v1/models", "list"},
           Row{Method::kGet, "/v1/models/org/name:tag", "model:org/name:tag"},
           Row{Method::kGet, "/v1/models/org%2Fname", "model:org/name"},
           Row{Method::kDelete, "/v1/models/org/name", "delete:org/name"},
           Row{Method::kPost, "/v1/models/search", "search"},
           Row{Method::kGet, "/v1/models/search", "model:search"},
           Row{Method::kPost, "/hearth/v1/models/org/name/load", "load:org/name"},
           Row{Method::kGet, "/hearth/v1/models/org/name", "info:org/name"},
           Row{Method::kGet, "/hearth/v1/models/load", "info:load"},
           Row{Method::kGet, "/jobs/7", "job:7"},
           Row{Method::kGet, "/jobs/a%2Fb", "job:a/b"},
           Row{Method::kGet, "/jobs/7/events", "events:7"},
       }) {
    EXPECT_EQ(ask(router, row.method, row.path).body, row.want) << row.path;
  }
}

TEST(Router, unknownPathsGoToTheFallback) {
  Router router = table();
  for (const char* path : {"/nope", "/v1/models/", "/jobs", "/jobs/7/events/8", "*", "/v1"}) {
    EXPECT_EQ(ask(router, Method::kGet, path).status, 404) << path;
  }
  router.on_unknown = [](const RequestHead& head) {
    Response response;
    response.body = "no " + head.path;
    return response;
  };
  EXPECT_EQ(ask(router, Method::kGet, "/nope").body, "no /nope");
}

TEST(Router, aWrongMethodNamesTheRightOnes) {
  Router router = table();
  const Response plain = ask(router, Method::kPut, "/v1/models/search");
  EXPECT_EQ(plain.status, 405);
  EXPECT_EQ(plain.headers.get("Allow"), "GET, HEAD, POST, DELETE");
  router.on_wrong_method = [](const RequestHead&, const std::string& allow) {
    Response response;
    response.status = 405;
    response.body = allow;
    return response;
  };
  EXPECT_EQ(ask(router, Method::kGet, "/hearth/v1/models/x/load").body, "info:x/load" + std::string());
  EXPECT_EQ(ask(router, Method::kPut, "/jobs/7").body, "GET, HEAD");
}

TEST(Router, policyIsTheRoutes) {
  Router router = table();
  router.unknown_policy.body_max = base::Bytes{3};
  RequestHead head;
  head.path = "/jobs/7";
  EXPECT_EQ(router.policy(head).body_max, base::Bytes{7});
  head.path = "/nope";
  EXPECT_EQ(router.policy(head).body_max, base::Bytes{3});
}

}  // namespace
}  // namespace hearth::http
