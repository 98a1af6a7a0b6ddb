#include "gateway/gateway.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "base/strings.hpp"
#include "gateway/recording_writer.hpp"
#include "json/writer.hpp"

namespace hearth::gateway {

Gateway::Gateway(store::Library& library, rt::WorkThreads& work, sched::ModelManager& manager, PullJobs& pulls,
                 const base::Clock& clock, base::Log& log, GatewayOptions options)
    : library_(library),
      work_(work),
      manager_(manager),
      pulls_(pulls),
      creator_(library, work, checks_, options.quantizer, clock),
      clock_(clock),
      log_(log),
      options_(std::move(options)),
      metrics_(options_.version),
      generator_(library_, work_, manager_, metrics_, clock_, log_, options_),
      last_activity_(clock.now()) {
  add_openai_routes();
  add_ollama_routes();
  add_anthropic_routes();
  add_encoder_routes();
  add_native_routes();
  add_disk_routes();
  add_operation_routes();
  add_pull_routes();
  router_.on_unknown = [](const http::RequestHead& head) {
    return error_response(
        face_of(head),
        Error{.code = ErrorCode::kNotFound, .message = fmt::format("no route {} {}", head.method_text, head.path)},
        request_id_of(head));
  };
  router_.on_wrong_method = [](const http::RequestHead& head, const std::string& allow) {
    return error_response(face_of(head),
                          Error{.code = ErrorCode::kMethodNotAllowed,
                                .message = fmt::format("{} takes {}, not {}", head.path, allow, head.method_text)},
                          request_id_of(head));
  };
}

Gateway::~Gateway() = default;

http::RoutePolicy Gateway::policy(const http::RequestHead& head) const {
  auto policy = router_.policy(head);
  policy.refusal = check(head);
  if (!policy.refusal) prepare_blob(head, policy);
  return policy;
}

http::Response Gateway::refuse(const http::RequestHead& head, const Error& error) const {
  const std::string id = sane_request_id(head);
  http::Response response = error_response(face_of(head), error, id);
  for (const auto& [name, value] : common_headers(head, id)) response.headers.set(name, value);
  if (error.code == ErrorCode::kUnauthorized) response.headers.set("www-authenticate", "Bearer");
  metrics_.served("refused", response.status, {});
  log_.info("{} {} {} refused: {} {} {}", head.method_text, base::one_line(head.path), response.status, error.message,
            head.peer, id);
  return response;
}

std::string Gateway::sane_request_id(const http::RequestHead& head) {
  const auto sent = head.headers.get("x-request-id");
  const bool sane = sent && !sent->empty() && sent->size() <= 128 &&
                    std::ranges::all_of(*sent, [](char c) { return c > 0x20 && c < 0x7F; });
  return sane ? std::string(*sent) : "req_" + base::random_id(20);
}

http::Headers Gateway::common_headers(const http::RequestHead& head, const std::string& id) const {
  http::Headers headers;
  headers.set("x-request-id", id);
  if (&face_of(head) == &kAnthropic) headers.set("request-id", id);
  add_cors(head, headers);
  return headers;
}

rt::Task<void> Gateway::serve(http::Request request, http::ResponseWriter& writer) {
  struct Active {
    Gateway& gateway;
    explicit Active(Gateway& g) : gateway(g) { ++g.in_flight_; }
    ~Active() {
      --gateway.in_flight_;
      gateway.last_activity_ = gateway.clock_.now();
    }
  };
  const Active active(*this);
  const auto started = clock_.now();
  const std::string id = sane_request_id(request);
  request.headers.set("x-request-id", id);
  RecordingWriter recorder(writer, common_headers(request, id));
  const std::string line = fmt::format("{} {}", request.method_text, base::one_line(request.path));
  const std::string_view route = router_.pattern_of(request);
  const std::string peer = request.peer;
  // The line is written when the request ends, also when its client left.
  struct Note {
    Gateway& gateway;
    const RecordingWriter& recorder;
    const std::string& line;
    std::string_view route;
    const std::string& peer;
    const std::string& id;
    base::SteadyTime started;
    ~Note() {
      const auto took = gateway.clock_.now() - started;
      const int unanswered = recorder.gone().stop_requested() ? 499 : 500;
      const int status = recorder.status() == 0 ? unanswered : recorder.status();
      gateway.metrics_.served(route, status, took);
      gateway.log_.info("{} {} {:.1f}ms {} {}", line, status, std::chrono::duration<double>(took).count() * 1e3, peer,
                        id);
    }
  };
  const Note note{*this, recorder, line, route, peer, id, started};
  if (auto refused = check(request)) {
    co_await send_error(recorder, face_of(request), std::move(*refused), request);
  } else if (request.method == http::Method::kOptions && request.headers.get("access-control-request-method")) {
    http::Response response;
    response.status = 204;
    co_await send(recorder, std::move(response));
  } else {
    co_await router_.serve(std::move(request), recorder);
  }
}

rt::Task<void> Gateway::send(http::ResponseWriter& writer, http::Response response) const {
  (void)co_await writer.respond(std::move(response));
}

rt::Task<void> Gateway::send_error(http::ResponseWriter& writer, const Face& face, Error error,
                                   const http::RequestHead& head) const {
  http::Response response = error_response(face, error, request_id_of(head));
  if (error.code == ErrorCode::kUnauthorized) response.headers.set("www-authenticate", "Bearer");
  (void)co_await writer.respond(std::move(response));
}

http::RouteHandler Gateway::model_route(Parse parse, const Face& face) {
  return [this, parse, &face](http::Request request, http::RouteArgs, http::ResponseWriter& writer) -> rt::Task<void> {
    co_await answer_call(std::move(request), parse, face, writer);
  };
}

rt::Task<void> Gateway::answer_call(http::Request request, Parse parse, const Face& face,
                                    http::ResponseWriter& writer) {
  const dialect::Edge edge = generator_.edge();
  auto call = request.body.size() > kLongBody ? co_await work_.run([&] { return parse(request.body, edge); })
                                              : parse(request.body, edge);
  request.body = {};
  if (!call) {
    co_await send_error(writer, face, std::move(call).error(), request);
    co_return;
  }
  co_await generator_.answer(request, *std::move(call), face, writer);
}

rt::Task<Result<std::string>> Gateway::listing(store::Scope scope, Render render) {
  co_return co_await work_.run([&]() -> Result<std::string> {
    HEARTH_TRY(const auto cards, library_.list(scope));
    return render(cards);
  });
}

rt::Task<Result<std::string>> Gateway::listing_of_servable(Render render) {
  co_return co_await work_.run([&]() -> Result<std::string> {
    HEARTH_TRY(auto cards, library_.list(store::Scope::kOwn));
    std::erase_if(cards, [](const domain::ModelCard& card) { return card.format != "gguf"; });
    return render(cards);
  });
}

rt::Task<Result<domain::ModelCard>> Gateway::card_of(std::string name) {
  co_return co_await work_.run([&]() -> Result<domain::ModelCard> {
    HEARTH_TRY(const auto entry, library_.find(name));
    return library_.card(entry);
  });
}

http::Response Gateway::ready_response() const {
  return draining_ ? json_response(R"({"status":"stopping"})", 503) : json_response(R"({"status":"ready"})");
}

std::string Gateway::health_body() const {
  const auto loaded = manager_.loaded();
  json::Writer w;
  w.begin_object().field("status", "ok").field("version", options_.version).key("models").begin_array();
  for (const auto& l : loaded) {
    w.begin_object().field("name", l.model.card.name).field("state", l.model.state).field("running", l.stats.running);
    w.field("waiting", l.stats.waiting).end_object();
  }
  w.end_array().end_object();
  return std::move(w).take();
}

std::string Gateway::metrics_body() const {
  const http::Server* server = server_.load();
  return metrics_.render(server == nullptr ? http::ServerStats{} : server->stats(), manager_.stats(),
                         manager_.loaded());
}

}  // namespace hearth::gateway
