#include <fmt/format.h>

#include "base/strings.hpp"
#include "dialect/ollama/ollama.hpp"
#include "gateway/gateway.hpp"
#include "store/blobs.hpp"
#include "store/modelfile.hpp"

namespace hearth::gateway {

using http::Method;
using http::Request;
using http::ResponseWriter;
using http::RouteArgs;
namespace ollama = dialect::ollama;

namespace {

using ParseOllama = Result<ollama::OllamaCall> (*)(std::string_view body, const dialect::Edge& edge);

constexpr std::string_view kBlobs = "/api/blobs/";

}  // namespace

void Gateway::add_ollama_routes() {
  const http::RoutePolicy policy{.body_max = options_.body_max};
  const auto generate_route = [this](ParseOllama parse) -> http::RouteHandler {
    return [this, parse](Request request, RouteArgs, ResponseWriter& writer) -> rt::Task<void> {
      const auto edge = generator_.edge();
      auto parsed = parse(request.body, edge);
      if (!parsed) {
        co_await send_error(writer, kOllama, std::move(parsed).error(), request);
        co_return;
      }
      if (!parsed->load_only) {
        co_await generator_.answer(request, std::move(parsed->call), kOllama, writer);
        co_return;
      }
      co_await load_only(std::move(request), std::move(*parsed), edge, writer);
    };
  };
  router_.add(Method::kPost, "/api/generate", generate_route(ollama::parse_generate), policy);
  router_.add(Method::kPost, "/api/chat", generate_route(ollama::parse_chat), policy);
  router_.add(Method::kPost, "/api/embed", model_route(ollama::parse_embed, kOllama), policy);
  router_.add(Method::kPost, "/api/embeddings", model_route(ollama::parse_embeddings, kOllama), policy);

  add_blob_routes();
  router_.add(Method::kGet, "/", [this](Request request, RouteArgs, ResponseWriter& writer) -> rt::Task<void> {
    // Ollama's own clients look for their server's greeting.
    const auto agent = request.headers.get("user-agent").value_or("");
    http::Response response;
    response.headers.set("content-type", "text/plain; charset=utf-8");
    response.body = base::starts_with_ignore_case(agent, "ollama") ? "Ollama is running" : "hearth is running";
    co_await send(writer, std::move(response));
  });
  router_.add(Method::kGet, "/api/version", [this](Request, RouteArgs, ResponseWriter& writer) -> rt::Task<void> {
    co_await send(writer, json_response(ollama::version_body(options_.version)));
  });
  router_.add(Method::kGet, "/api/tags", [this](Request request, RouteArgs, ResponseWriter& writer) -> rt::Task<void> {
    auto body = co_await listing_of_servable(ollama::tags_body);
    if (!body)
      co_await send_error(writer, kOllama, body.error(), request);
    else
      co_await send(writer, json_response(*std::move(body)));
  });
  router_.add(Method::kGet, "/api/ps", [this](Request, RouteArgs, ResponseWriter& writer) -> rt::Task<void> {
    std::vector<domain::LoadedModel> models;
    for (auto& l : manager_.loaded()) {
      if (l.model.state == "ready") models.push_back(std::move(l.model));
    }
    co_await send(writer, json_response(ollama::ps_body(models, clock_.wall())));
  });
  router_.add(Method::kPost, "/api/show", [this](Request request, RouteArgs, ResponseWriter& writer) -> rt::Task<void> {
    const auto call = ollama::parse_show(request.body);
    const auto card = call ? co_await card_of(call->model) : Result<domain::ModelCard>(std::unexpected(call.error()));
    if (!card)
      co_await send_error(writer, kOllama, card.error(), request);
    else
      co_await send(writer, json_response(ollama::show_body(*card, store::modelfile_text(card->path, card->settings),
                                                            call->verbose)));
  });
  router_.add(
      Method::kPost, "/api/create",
      [this](Request request, RouteArgs, ResponseWriter& writer) -> rt::Task<void> {
        co_await create_ollama(std::move(request), writer);
      },
      policy);
  router_.add(Method::kPost, "/api/copy", [this](Request request, RouteArgs, ResponseWriter& writer) -> rt::Task<void> {
    const auto call = ollama::parse_copy(request.body);
    const auto done = co_await work_.run([&]() -> Result<void> {
      HEARTH_CHECK(call);
      return library_.copy(call->source, call->destination);
    });
    if (!done)
      co_await send_error(writer, kOllama, done.error(), request);
    else
      co_await send(writer, http::Response{});
  });
  router_.add(Method::kDelete, "/api/delete",
              [this](Request request, RouteArgs, ResponseWriter& writer) -> rt::Task<void> {
                const auto call = ollama::parse_delete(request.body);
                if (!call) {
                  co_await send_error(writer, kOllama, call.error(), request);
                  co_return;
                }
                const auto done = co_await remove_model(call->model);
                if (!done)
                  co_await send_error(writer, kOllama, done.error(), request);
                else
                  co_await send(writer, http::Response{});
              });
}

// What a client uploads goes to the disk while it arrives.
class Gateway::BlobSink final : public http::BodySink {
 public:
  BlobSink(rt::WorkThreads& work, store::Home home, store::fetch::Digest digest)
      : work_(work), home_(std::move(home)), digest_(std::move(digest)) {}

  rt::Task<Result<void>> take(std::string piece) override {
    co_return co_await work_.run([&]() -> Result<void> {
      if (!begun_) {
        begun_ = true;
        std::error_code error;
        if (std::filesystem::exists(store::blob_path(home_, digest_), error)) return {};
        HEARTH_TRY(auto begun, store::BlobUpload::begin(home_, digest_));
        upload_.emplace(std::move(begun));
      }
      return upload_ ? upload_->add(piece) : Result<void>{};
    });
  }
  // True: the blob is new.
  rt::Task<Result<bool>> finish(rt::WorkThreads& syncs) {
    co_return co_await syncs.run([&]() -> Result<bool> {
      if (!begun_) return fail(ErrorCode::kInvalidRequest, "the body is empty", "digest");
      if (!upload_) return false;
      HEARTH_CHECK(upload_->finish());
      return true;
    });
  }

 private:
  rt::WorkThreads& work_;
  store::Home home_;
  store::fetch::Digest digest_;
  bool begun_ = false;
  std::optional<store::BlobUpload> upload_;  // none for a blob that is here
};

void Gateway::prepare_blob(const http::RequestHead& head, http::RoutePolicy& policy) const {
  if (head.method != Method::kPost || !head.path.starts_with(kBlobs)) return;
  const auto digest = store::blob_digest(std::string_view(head.path).substr(kBlobs.size()));
  if (!digest)
    policy.refusal = digest.error();
  else
    policy.sink = std::make_shared<BlobSink>(work_, library_.home(), *digest);
}

void Gateway::add_blob_routes() {
  constexpr base::Bytes kBlobMax{1ULL << 40};
  router_.add(Method::kHead, "/api/blobs/{digest}",
              [this](Request, RouteArgs args, ResponseWriter& writer) -> rt::Task<void> {
                const auto digest = store::blob_digest(args.get("digest"));
                const bool here = digest && co_await work_.run([&] {
                  std::error_code error;
                  return std::filesystem::exists(store::blob_path(library_.home(), *digest), error);
                });
                http::Response response;
                response.status = here ? 200 : 404;
                co_await send(writer, std::move(response));
              });
  router_.add(Method::kPost, "/api/blobs/{digest}",
              [this](Request request, RouteArgs, ResponseWriter& writer) -> rt::Task<void> {
                const auto done = co_await std::static_pointer_cast<BlobSink>(request.sink)->finish(syncs_);
                http::Response response;
                response.status = done && *done ? 201 : 200;
                if (!done)
                  co_await send_error(writer, kOllama, done.error(), request);
                else
                  co_await send(writer, std::move(response));
              },
              {.body_max = kBlobMax});
}

rt::Task<void> Gateway::create_ollama(Request request, ResponseWriter& writer) {
  auto call = ollama::parse_create(request.body);
  if (!call) {
    co_await send_error(writer, kOllama, std::move(call).error(), request);
    co_return;
  }
  // The stream begins with its first line: what goes wrong before is an honest status.
  bool started = false;
  const auto say = [&](std::string line) -> rt::Task<bool> {
    if (!call->stream) co_return true;
    if (!started) {
      http::ResponseHead head;
      head.headers.set("content-type", "application/x-ndjson");
      if (!call->ignored.empty()) head.headers.set("hearth-ignored-parameters", ignored_header(call->ignored));
      started = true;
      if (!co_await writer.start(std::move(head))) co_return false;
    }
    co_return co_await writer.write(std::move(line) + "\n");
  };
  auto made = co_await creator_.create(*call, {.say = say, .gone = writer.gone(), .trusted = is_trusted(request)});
  if (!made && !started) {
    co_await send_error(writer, kOllama, std::move(made).error(), request);
    co_return;
  }
  const std::string last = made ? ollama::status_line("success") : ollama::error(made.error()).body;
  if (call->stream) {
    if (co_await say(last)) (void)co_await writer.finish();
    co_return;
  }
  http::Response response = json_response(last);
  if (!call->ignored.empty()) response.headers.set("hearth-ignored-parameters", ignored_header(call->ignored));
  co_await send(writer, std::move(response));
}

rt::Task<void> Gateway::load_only(Request request, ollama::OllamaCall parsed, dialect::Edge edge,
                                  ResponseWriter& writer) {
  auto& envelope = domain::envelope_of(parsed.call.request);
  const std::string model = envelope.model;
  const auto& ignored = parsed.call.ignored;
  auto accepted = apply_headers(request.headers, envelope);
  if (accepted && envelope.strict) accepted = check_strict(ignored);
  if (!accepted) {
    co_await send_error(writer, kOllama, std::move(accepted).error(), request);
    co_return;
  }
  if (parsed.unload) {
    const auto done = co_await unload_model(model);
    // Not loaded is what was asked for; an unknown model is not.
    const bool known = done || co_await work_.run([&] { return library_.find(model).has_value(); });
    if (!done && (done.error().code != ErrorCode::kModelNotFound || !known)) {
      co_await send_error(writer, kOllama, done.error(), request);
      co_return;
    }
  } else {
    auto lease = co_await generator_.load(model, envelope);
    if (!lease) {
      co_await send_error(writer, kOllama, std::move(lease).error(), request);
      co_return;
    }
    lease->set_keep_alive(envelope.keep_alive);
  }
  http::Response response = json_response(ollama::load_body(model, edge, parsed.unload, parsed.chat));
  if (!ignored.empty()) response.headers.set("hearth-ignored-parameters", ignored_header(ignored));
  co_await send(writer, std::move(response));
}

}  // namespace hearth::gateway
