#include <filesystem>
#include <fmt/format.h>

#include "dialect/native/native.hpp"
#include "gateway/gateway.hpp"
#include "gateway/model_json.hpp"
#include "json/reader.hpp"
#include "json/writer.hpp"
#include "store/catalog.hpp"
#include "store/disk_usage.hpp"
#include "store/model_info.hpp"
#include "store/provision/verify.hpp"

namespace hearth::gateway {

using http::Method;
using http::Request;
using http::ResponseWriter;
using http::RouteArgs;
namespace native = dialect::native;

namespace {

// Streams the events themselves.
class NativeRenderer final : public dialect::Renderer {
 public:
  std::string body(const domain::Answer&) override { return {}; }  // never asked for: native calls always stream
  std::vector<dialect::Frame> frames(const domain::Event& event) override {
    return {{.event = {}, .data = native::write_event(event)}};
  }
};

Result<dialect::Call> parse_native(std::string_view body, const dialect::Edge&) {
  std::vector<std::string> ignored;
  HEARTH_TRY(auto request, native::read_request(body, &ignored));
  return dialect::Call{.request = std::move(request),
                       .ignored = std::move(ignored),
                       .stream = true,
                       .framing = dialect::Framing::kNdjson,
                       .renderer = std::make_unique<NativeRenderer>()};
}

// Empty if there is no such model.
std::filesystem::path file_of(const store::Library& library, const std::string& id) {
  const auto entry = library.find(id);
  return entry ? entry->path : std::filesystem::path();
}

}  // namespace

rt::Task<Result<void>> Gateway::unload_model(std::string name) {
  const auto entry = co_await work_.run([&] { return library_.find(name); });
  auto done = co_await manager_.unload(entry ? entry->name.key() : name);
  if (done || done.error().code != ErrorCode::kModelNotFound) co_return done;
  done = co_await manager_.unload(name);  // as it was called when it was loaded
  if (done || done.error().code != ErrorCode::kModelNotFound) co_return done;
  if (!entry) co_return std::unexpected(entry.error());
  co_return fail(ErrorCode::kModelNotFound, fmt::format("model '{}' is not loaded", name), "model");
}

rt::Task<Result<void>> Gateway::remove_model(std::string name) {
  std::vector<std::string> loaded;
  for (const auto& one : manager_.loaded()) loaded.push_back(one.model.card.name);
  // First from the library: who waits for the unloading one must not find it and load it again.
  HEARTH_CO_CHECK(co_await work_.run([&]() -> Result<void> {
    std::vector<std::filesystem::path> files;
    for (const auto& id : loaded) files.push_back(file_of(library_, id));
    HEARTH_CHECK(library_.remove(name));
    for (std::size_t i = 0; i < files.size(); ++i) {
      if (file_of(library_, loaded[i]) == files[i]) loaded[i].clear();  // it stays
    }
    return {};
  }));
  for (const auto& id : loaded) {
    if (id.empty()) continue;
    const auto unloaded = co_await manager_.unload(id);
    if (!unloaded && unloaded.error().code != ErrorCode::kModelNotFound) co_return unloaded;
  }
  co_return Result<void>{};
}

void Gateway::add_native_routes() {
  const http::RoutePolicy policy{.body_max = options_.body_max};
  router_.add(Method::kPost, "/hearth/v1/run", model_route(parse_native, kNative), policy);

  router_.add(
      Method::kGet, "/hearth/v1/models", [this](Request request, RouteArgs, ResponseWriter& writer) -> rt::Task<void> {
        const bool all = http::query_parameter(request.query, "all").value_or("") == "1";
        const auto loaded = manager_.loaded();
        auto body = co_await listing(
            all ? store::Scope::kAll : store::Scope::kOwn,
            [&](std::span<const domain::ModelCard> cards) { return models_json(options_.version, cards, loaded); });
        if (!body)
          co_await send_error(writer, kNative, body.error(), request);
        else
          co_await send(writer, json_response(*std::move(body)));
      });
  router_.add(Method::kGet, "/hearth/v1/models/{m...}",
              [this](Request request, RouteArgs args, ResponseWriter& writer) -> rt::Task<void> {
                const auto info = co_await work_.run([&]() -> Result<std::string> {
                  HEARTH_TRY(const auto entry, library_.find(args.get("m")));
                  HEARTH_TRY(const auto model, store::model_info(library_, entry));
                  return to_json(model);
                });
                if (!info)
                  co_await send_error(writer, kNative, info.error(), request);
                else
                  co_await send(writer, json_response(*info));
              });
  router_.add(Method::kDelete, "/hearth/v1/models/{m...}",
              [this](Request request, RouteArgs args, ResponseWriter& writer) -> rt::Task<void> {
                const auto done = co_await remove_model(args.get("m"));
                if (!done)
                  co_await send_error(writer, kNative, done.error(), request);
                else
                  co_await send(writer, json_response(R"({"status":"deleted"})"));
              });
  add_import_route();
  add_load_routes();
}

void Gateway::add_import_route() {
  router_.add(Method::kPost, "/hearth/v1/models/import",
              [this](Request request, RouteArgs, ResponseWriter& writer) -> rt::Task<void> {
                std::string path;
                std::string name;
                const auto report = json::read_object(request.body, [&](json::Object& in) {
                  path = in.required_text("path");
                  in.text("name", name);
                });
                const bool trusted = is_trusted(request);
                const auto imported = co_await work_.run([&]() -> Result<std::string> {
                  HEARTH_CHECK(report);
                  if (!trusted) return fail(ErrorCode::kForbidden, kUntrustedPath, "path");
                  HEARTH_TRY(const auto entry, library_.import(path, name));
                  HEARTH_TRY(const auto model, store::model_info(library_, entry));
                  return to_json(model);
                });
                if (!imported)
                  co_await send_error(writer, kNative, imported.error(), request);
                else
                  co_await send(writer, json_response(*imported));
              });
}

void Gateway::add_load_routes() {
  router_.add(
      Method::kPost, "/hearth/v1/models/{m...}/load",
      [this](Request request, RouteArgs args, ResponseWriter& writer) -> rt::Task<void> {
        domain::Envelope envelope;
        auto applied = apply_headers(request.headers, envelope);
        if (applied && !request.body.empty()) {
          const auto report = json::read_object(request.body, [&](json::Object& in) {
            if (const auto span = in.get("keep_alive")) {
              envelope.keep_alive = span->is_number() ? base::parse_duration(fmt::format("{}", span->number()))
                                                      : base::parse_duration(span->text());
              if (!envelope.keep_alive) span->fail("is not a duration (5m, 300, -1)");
            }
            in.optional_integer("context_tokens", envelope.context_tokens, 1, 1 << 24);
          });
          if (!report) applied = Result<void>(std::unexpected(report.error()));
        }
        auto lease = applied ? co_await generator_.load(args.get("m"), envelope)
                             : Result<sched::Lease>(std::unexpected(std::move(applied).error()));
        if (!lease) {
          co_await send_error(writer, kNative, std::move(lease).error(), request);
          co_return;
        }
        lease->set_keep_alive(envelope.keep_alive);
        const auto& can = lease->backend().capabilities();
        json::Writer w;
        w.begin_object().field("status", "loaded").field("name", lease->model()).field("device", lease->device());
        w.field("context", can.context_tokens).field("slots", can.slots);
        w.field("load_ms", std::chrono::duration<double, std::milli>(lease->load_time()).count()).end_object();
        co_await send(writer, json_response(std::move(w).take()));
      });
  router_.add(Method::kPost, "/hearth/v1/models/{m...}/unload",
              [this](Request request, RouteArgs args, ResponseWriter& writer) -> rt::Task<void> {
                const auto done = co_await unload_model(args.get("m"));
                if (!done)
                  co_await send_error(writer, kNative, done.error(), request);
                else
                  co_await send(writer, json_response(R"({"status":"unloaded"})"));
              });
  router_.add(Method::kPost, "/hearth/v1/shutdown",
              [this](Request request, RouteArgs, ResponseWriter& writer) -> rt::Task<void> {
                if (!request.peer_is_loopback && options_.api_keys.empty()) {
                  Error error{.code = ErrorCode::kForbidden,
                              .message = "only a local caller or one with a key may stop this server"};
                  co_await send_error(writer, kNative, std::move(error), request);
                  co_return;
                }
                co_await send(writer, json_response(R"({"status":"stopping"})"));
                if (shutdown_) shutdown_();
              });
}

void Gateway::add_disk_routes() {
  router_.add(Method::kPost, "/hearth/v1/models/{m...}/verify",
              [this](Request request, RouteArgs args, ResponseWriter& writer) -> rt::Task<void> {
                const std::string& name = args.get("m");
                const auto verified = co_await checks_.run([&]() -> Result<std::string> {
                  HEARTH_TRY(const auto entry, library_.find(name));
                  HEARTH_TRY(const auto all, store::provision::verify(library_, {entry}, {.stop = writer.gone()}));
                  return to_json(all);
                });
                if (!verified)
                  co_await send_error(writer, kNative, verified.error(), request);
                else
                  co_await send(writer, json_response(*verified));
              });
  const auto catalog_route = [this](bool all) -> http::RouteHandler {
    return [this, all](Request request, RouteArgs, ResponseWriter& writer) -> rt::Task<void> {
      const auto found = co_await work_.run([&]() -> Result<std::string> {
        HEARTH_TRY(const auto catalog, store::Catalog::load(library_.home().catalogs()));
        const auto parameter = [&](std::string_view name) {
          return all ? std::string() : http::query_parameter(request.query, name).value_or("");
        };
        return to_json(catalog.search(parameter("q"), parameter("tag")));
      });
      if (!found)
        co_await send_error(writer, kNative, found.error(), request);
      else
        co_await send(writer, json_response(*found));
    };
  };
  router_.add(Method::kGet, "/hearth/v1/catalog", catalog_route(true));
  router_.add(Method::kGet, "/hearth/v1/search", catalog_route(false));
  router_.add(Method::kGet, "/hearth/v1/disk-usage",
              [this](Request request, RouteArgs, ResponseWriter& writer) -> rt::Task<void> {
                const auto usage = co_await work_.run([&] { return store::disk_usage(library_); });
                if (!usage)
                  co_await send_error(writer, kNative, usage.error(), request);
                else
                  co_await send(writer, json_response(to_json(*usage)));
              });
}

void Gateway::add_operation_routes() {
  router_.add(Method::kGet, "/health", [this](Request, RouteArgs, ResponseWriter& writer) -> rt::Task<void> {
    co_await send(writer, json_response(health_body()));
  });
  router_.add(Method::kGet, "/ready", [this](Request, RouteArgs, ResponseWriter& writer) -> rt::Task<void> {
    co_await send(writer, ready_response());
  });
  router_.add(Method::kGet, "/metrics", [this](Request, RouteArgs, ResponseWriter& writer) -> rt::Task<void> {
    http::Response response;
    response.headers.set("content-type", "text/plain; version=0.0.4; charset=utf-8");
    response.body = metrics_body();
    co_await send(writer, std::move(response));
  });
}

}  // namespace hearth::gateway
