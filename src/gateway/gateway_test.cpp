// Everything of the gateway that needs no model: checks, errors in each dialect's shape, listing, routes.
#include "gateway/gateway.hpp"

#include <filesystem>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "json/reader.hpp"
#include "rt/io_threads.hpp"
#include "store/test_folder.hpp"

namespace hearth::gateway {
namespace {

// Keeps what was answered.
class MemoryWriter final : public http::ResponseWriter {
 public:
  rt::Task<Result<void>> respond(http::Response response) override {
    answer = std::move(response);
    co_return Result<void>{};
  }
  rt::Task<Result<void>> start(http::ResponseHead head) override {
    static_cast<http::ResponseHead&>(answer) = std::move(head);
    co_return Result<void>{};
  }
  rt::Task<Result<void>> write(std::string chunk) override {
    answer.body += chunk;
    co_return Result<void>{};
  }
  rt::Task<Result<void>> finish() override { co_return Result<void>{}; }
  [[nodiscard]] bool started() const override { return false; }
  [[nodiscard]] std::stop_token gone() const override { return {}; }
  [[nodiscard]] http::CancelReason reason() const override { return http::CancelReason::kNone; }
  http::Response answer;
};

class GatewayTest : public ::testing::Test {
 protected:
  GatewayTest() {
    options_.allowed_hosts = {"localhost", "127.0.0.1"};
    options_.version = "0.0.1";
  }

  static http::Request request(http::Method method, std::string path, std::string body = {},
                               http::Headers headers = {}) {
    http::Request r;
    r.method = method;
    r.method_text = std::string(http::to_string(method));
    r.target = r.path = std::move(path);
    r.body = std::move(body);
    r.headers = std::move(headers);
    if (!r.headers.get("host")) r.headers.set("host", "localhost:11434");
    r.peer = "127.0.0.1:1";
    r.peer_is_loopback = true;
    return r;
  }

  http::Response serve(http::Request r) {
    MemoryWriter writer;
    auto task = [](GatewayTest& test, http::Request in, http::ResponseWriter& out) -> rt::Task<void> {
      store::Library library({.root = test.folder_.path(),
                              .models = test.folder_.path() / "models",
                              .bundled = std::filesystem::path(HEARTH_SOURCE_DIR) / "models"},
                             test.log_);
      sched::ManagerOptions manager_options;
      manager_options.runner = "/nonexistent/hearth-runner";
      manager_options.socket_folder = test.folder_.path();
      manager_options.log_folder = test.folder_.path();
      rt::WorkThreads work(1, "test-work");
      sched::ModelManager manager(co_await rt::current_executor(), work, manager_options, test.clock_, test.log_);
      const store::provision::Provisioner provisioner({.home = library.home(), .hub = {}, .download = {}}, test.clock_,
                                                      test.log_);
      PullJobs pulls(co_await rt::current_executor(), provisioner, library, {}, test.log_);
      Gateway gateway(library, work, manager, pulls, test.clock_, test.log_, test.options_);
      co_await gateway.serve(std::move(in), out);
      co_await manager.stop();
    };
    rt::run_here(task(*this, std::move(r), writer));
    return std::move(writer.answer);
  }

  store::TestFolder folder_;
  base::NullLog log_;
  base::SystemClock clock_;
  GatewayOptions options_;
};

std::string message_of(const http::Response& response) {
  const auto value = json::parse(response.body);
  if (!value) return "not JSON: " + response.body;
  const auto& error = value->get_object().at("error");
  return std::string(error.is_string() ? error.get_string() : error.at("message").get_string());
}

TEST_F(GatewayTest, AnUnknownModelIsA404InEachDialect) {
  struct Case {
    std::string path, body, part;
  };
  const Case cases[] = {
      {"/v1/chat/completions", R"({"model":"nope","messages":[{"role":"user","content":"x"}]})",
       R"("code":"model_not_found")"},
      {"/v1/completions", R"({"model":"nope","prompt":"x"})", R"("code":"model_not_found")"},
      {"/v1/embeddings", R"({"model":"nope","input":"x"})", R"("code":"model_not_found")"},
      {"/api/chat", R"({"model":"nope","messages":[{"role":"user","content":"x"}]})",
       R"({"error":"model 'nope' not found)"},
      {"/api/generate", R"({"model":"nope","prompt":"x"})", R"({"error":"model 'nope' not found)"},
      {"/api/show", R"({"model":"nope"})", R"({"error":"model 'nope' not found)"},
      {"/v2/rerank", R"({"model":"nope","query":"x","documents":["y"]})", R"("code":"model_not_found")"},
      {"/rerank", R"({"model":"nope","query":"x","texts":["y"]})", R"("error_type":"Validation")"},
      {"/embed", R"({"model":"nope","inputs":"x"})", R"("error_type":"Validation")"},
      {"/v1/messages", R"({"model":"nope","max_tokens":5,"messages":[{"role":"user","content":"x"}]})",
       R"("type":"not_found_error")"},
      {"/hearth/v1/models/nope/load", "", R"("code":"model_not_found")"},
  };
  for (const auto& c : cases) {
    const auto response = serve(request(http::Method::kPost, c.path, c.body));
    EXPECT_EQ(response.status, 404) << c.path << response.body;
    EXPECT_NE(response.body.find(c.part), std::string::npos) << c.path << ": " << response.body;
  }
}

// ember generates; none that is installed reranks.
TEST_F(GatewayTest, ARequestWithoutAModelIsForTheOnlyOneThatCan) {
  const auto none = serve(request(http::Method::kPost, "/v1/rerank", R"({"query":"x","documents":["y"]})"));
  EXPECT_EQ(none.status, 400) << none.body;
  EXPECT_NE(message_of(none).find("hearth pull"), std::string::npos) << none.body;
  const auto tei = serve(request(http::Method::kPost, "/rerank", R"({"query":"x","texts":["y"]})"));
  EXPECT_EQ(tei.status, 422) << tei.body;
  EXPECT_NE(tei.body.find(R"("error_type":"Validation")"), std::string::npos) << tei.body;
  const auto named = serve(
      request(http::Method::kPost, "/v1/rerank", R"({"query":"x","documents":["y"]})", {{"hearth-model", "nope"}}));
  EXPECT_EQ(named.status, 404) << named.body;
  const auto info = serve(request(http::Method::kGet, "/info"));
  EXPECT_EQ(info.status, 200) << info.body;
  EXPECT_NE(info.body.find(R"("model_id":"ember")"), std::string::npos) << info.body;
  EXPECT_EQ(serve(request(http::Method::kGet, "/embed")).body.find(R"({"error":"/embed takes POST)"), 0U);
}

TEST_F(GatewayTest, ARunnerThatCannotStartIsAnErrorAndNotAHang) {
  const auto response = serve(request(http::Method::kPost, "/v1/chat/completions",
                                      R"({"model":"ember","messages":[{"role":"user","content":"x"}]})"));
  EXPECT_GE(response.status, 500) << response.body;
  EXPECT_NE(message_of(response).find("hearth-runner"), std::string::npos) << response.body;
}

TEST_F(GatewayTest, StrangersHaveNoAddressesFetched) {
  for (const auto* reference : {"https://example.org/a.gguf", "s3://bucket/a"}) {
    auto r = request(http::Method::kPost, "/hearth/v1/models/pull", fmt::format(R"({{"reference":"{}"}})", reference));
    r.peer_is_loopback = false;
    const auto refused = serve(std::move(r));
    EXPECT_EQ(refused.status, 403) << reference;
    EXPECT_NE(message_of(refused).find("only a local caller or one with a key"), std::string::npos) << refused.body;
  }
}

TEST_F(GatewayTest, StrangersNameNoFilesOfThisMachine) {
  const struct {
    const char* path;
    const char* body;
  } cases[] = {
      {"/hearth/v1/models/import", R"({"path":"/etc/passwd"})"},
      {"/api/create", R"({"model":"m","from":"/etc/passwd"})"},
      {"/api/create", R"({"model":"m","modelfile":"FROM /etc/passwd"})"},
  };
  for (const auto& c : cases) {
    auto r = request(http::Method::kPost, c.path, c.body);
    r.peer_is_loopback = false;
    const auto refused = serve(std::move(r));
    EXPECT_EQ(refused.status, 403) << c.body;
    EXPECT_NE(message_of(refused).find("only a local caller or one with a key"), std::string::npos) << refused.body;
    EXPECT_NE(serve(request(http::Method::kPost, c.path, c.body)).status, 403) << c.body;
  }
}

TEST_F(GatewayTest, HostMustBeOneOfOurs) {
  for (const auto* host : {"localhost", "LOCALHOST:1", "127.0.0.1:11434"})
    EXPECT_EQ(serve(request(http::Method::kGet, "/api/version", "", {{"host", host}})).status, 200) << host;
  for (const auto* host : {"evil.example", "localhost.evil.example", "10.0.0.1", ""}) {
    const auto response = serve(request(http::Method::kGet, "/api/version", "", {{"host", host}}));
    EXPECT_EQ(response.status, 421) << host;
  }
  options_.any_ip_host = true;
  EXPECT_EQ(serve(request(http::Method::kGet, "/api/version", "", {{"host", "10.0.0.1"}})).status, 200);
}

TEST_F(GatewayTest, CompressedBodiesAreRefused) {
  const auto status = [&](const char* encoding) {
    return serve(request(http::Method::kPost, "/v1/models/none", "x", {{"content-encoding", encoding}})).status;
  };
  EXPECT_EQ(status("gzip"), 415);
  EXPECT_EQ(status("Identity"), 405);
}

TEST_F(GatewayTest, KeysAreAskedForWhereTheyAreSet) {
  options_.api_keys = {"s3cret"};
  EXPECT_EQ(serve(request(http::Method::kGet, "/v1/models")).status, 401);
  EXPECT_EQ(serve(request(http::Method::kGet, "/health")).status, 200);
  EXPECT_EQ(serve(request(http::Method::kGet, "/v1/models", "", {{"authorization", "Bearer s3cret"}})).status, 200);
  EXPECT_EQ(serve(request(http::Method::kGet, "/v1/models", "", {{"x-api-key", "s3cret"}})).status, 200);
  for (const auto* wrong : {"s3cre", "s3cretx", "", "S3CRET"})
    EXPECT_EQ(serve(request(http::Method::kGet, "/v1/models", "", {{"x-api-key", wrong}})).status, 401) << wrong;
  const auto refused = serve(request(http::Method::kGet, "/v1/models", "", {{"anthropic-version", "2023-06-01"}}));
  EXPECT_NE(refused.body.find("authentication_error"), std::string::npos);
  EXPECT_EQ(refused.body.find("s3cret"), std::string::npos);
}

TEST_F(GatewayTest, CorsIsClosedUntilAnOriginIsListed) {
  const http::Headers origin{{"origin", "https://app.example"}};
  EXPECT_FALSE(
      serve(request(http::Method::kGet, "/api/version", "", origin)).headers.get("access-control-allow-origin"));
  options_.cors_origins = {"https://app.example"};
  EXPECT_EQ(serve(request(http::Method::kGet, "/api/version", "", origin)).headers.get("access-control-allow-origin"),
            "https://app.example");
  EXPECT_FALSE(serve(request(http::Method::kGet, "/api/version", "", {{"origin", "https://other.example"}}))
                   .headers.get("access-control-allow-origin"));
  const auto preflight = serve(request(http::Method::kOptions, "/v1/chat/completions", "",
                                       {{"origin", "https://app.example"}, {"access-control-request-method", "POST"}}));
  EXPECT_EQ(preflight.status, 204);
}

TEST_F(GatewayTest, APageElsewhereCannotAct) {
  const auto post = [&](const char* origin) {
    return serve(request(http::Method::kPost, "/api/show", R"({"model":"ember"})", {{"origin", origin}})).status;
  };
  EXPECT_EQ(post("https://evil.example"), 403);
  EXPECT_EQ(post("null"), 403);
  EXPECT_EQ(post("http://localhost:11434"), 200);
  options_.cors_origins = {"https://app.example"};
  EXPECT_EQ(post("https://app.example"), 200);
}

TEST_F(GatewayTest, WrongMethodAndUnknownRoute) {
  const auto wrong = serve(request(http::Method::kGet, "/v1/chat/completions"));
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.headers.get("allow"), "POST");
  EXPECT_EQ(serve(request(http::Method::kGet, "/nothing")).status, 404);
  EXPECT_EQ(serve(request(http::Method::kPost, "/api/push", "{}")).status, 404)
      << "not built yet, so it does not exist";
}

TEST_F(GatewayTest, ListsTheBundledModelInEveryShape) {
  EXPECT_NE(serve(request(http::Method::kGet, "/v1/models")).body.find(R"("id":"ember")"), std::string::npos);
  EXPECT_NE(serve(request(http::Method::kGet, "/v1/models/ember")).body.find(R"("object":"model")"), std::string::npos);
  EXPECT_NE(serve(request(http::Method::kGet, "/api/tags")).body.find(R"("quantization_level":"Q8_0")"),
            std::string::npos);
  EXPECT_NE(
      serve(request(http::Method::kGet, "/v1/models", "", {{"anthropic-version", "2023-06-01"}})).body.find("has_more"),
      std::string::npos);
  const auto native = serve(request(http::Method::kGet, "/hearth/v1/models"));
  EXPECT_TRUE(native.body.starts_with(R"({"hearth":"0.0.1","models":[)")) << native.body;
}

TEST_F(GatewayTest, GreetingDependsOnWhoAsks) {
  EXPECT_EQ(serve(request(http::Method::kGet, "/")).body, "hearth is running");
  EXPECT_EQ(serve(request(http::Method::kGet, "/", "", {{"user-agent", "ollama-python/0.5"}})).body,
            "Ollama is running");
}

TEST_F(GatewayTest, RequestIdsAreEchoedWhenSane) {
  EXPECT_EQ(serve(request(http::Method::kGet, "/health", "", {{"x-request-id", "abc-1"}})).headers.get("x-request-id"),
            "abc-1");
  const auto made = serve(request(http::Method::kGet, "/health", "", {{"x-request-id", std::string(500, 'a')}}));
  EXPECT_TRUE(made.headers.get("x-request-id")->starts_with("req_"));
}

TEST(ApplyHeaders, Table) {
  domain::Envelope e;
  EXPECT_TRUE(apply_headers({{"hearth-keep-alive", "10m"}, {"hearth-priority", "high"}, {"hearth-strict", "1"}}, e));
  EXPECT_EQ(e.keep_alive, std::chrono::minutes(10));
  EXPECT_EQ(e.priority, domain::Priority::kHigh);
  EXPECT_TRUE(e.strict);
  for (const auto* name : {"hearth-keep-alive", "hearth-priority", "hearth-strict"}) {
    const auto wrong = apply_headers({{name, "nonsense"}}, e);
    ASSERT_FALSE(wrong) << name;
    EXPECT_EQ(wrong.error().param, name);
  }
}

TEST(IgnoredHeader, AtMostTwentySafeNames) {
  EXPECT_EQ(ignored_header({"user", "options.x y", "a\r\nb"}), "user, options.x_y, a__b");
  EXPECT_EQ(std::ranges::count(ignored_header(std::vector<std::string>(50, "a")), 'a'), 20);
}

}  // namespace
}  // namespace hearth::gateway
