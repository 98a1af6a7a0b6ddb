#include "gateway/generate.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <set>
#include <utility>

#include "base/strings.hpp"
#include "domain/answer.hpp"
#include "domain/template_language.hpp"
#include "gateway/choose_model.hpp"
#include "http/stream_reader.hpp"

namespace hearth::gateway {

using namespace std::chrono_literals;

struct Generator::Run {
  sched::Lease lease;
  std::unique_ptr<backend::EventStream> events;
  std::string model;  // as the client named it
  base::SteadyTime received;
  http::Headers headers;                           // what every answer carries
  std::optional<std::chrono::nanoseconds> queued;  // known once the engine has begun

  // Fills in what the runner cannot know.
  void complete(domain::Event& event) {
    if (auto* started = std::get_if<domain::Started>(&event)) {
      queued = started->queued;
      started->model = model;
      started->served_by = lease.engine();
      started->device = lease.device();
    } else if (auto* finished = std::get_if<domain::Finished>(&event)) {
      finished->timings.loaded = lease.load_time();
    }
  }
};

namespace {

double seconds(std::chrono::nanoseconds span) { return std::chrono::duration<double>(span).count(); }

std::string server_timing(const domain::Timings& t) {
  return fmt::format("queue;dur={:.1f}, load;dur={:.1f}, prompt;dur={:.1f}, decode;dur={:.1f}", seconds(t.queued) * 1e3,
                     seconds(t.loaded) * 1e3, seconds(t.prompt) * 1e3, seconds(t.decode) * 1e3);
}

// Adds what this model does not do, though others do.
void note_beyond(dialect::Call& call, std::int32_t context_asked, const domain::Capabilities& can) {
  using enum domain::Reasoning::Effort;
  if (context_asked > can.context_tokens) call.ignored.push_back(call.names.name_of("context_tokens"));
  const auto* chat = std::get_if<domain::ChatRequest>(&call.request);
  if (chat == nullptr || can.tasks.has(domain::Task::kThinking)) return;
  const auto& [effort, budget, hidden, required] = chat->reasoning;
  if ((effort != kDefault && effort != kNone) || budget.value_or(0) > 0)
    call.ignored.push_back(call.names.name_of("reasoning"));
}

Error named(Error error, const dialect::Call& call) {
  error.param = call.names.name_of(error.param);
  return error;
}

bool is_content(const domain::Event& event) {
  if (const auto* delta = std::get_if<domain::Delta>(&event)) return !delta->text.empty() || !delta->logprobs.empty();
  return std::holds_alternative<domain::ChoiceFinished>(event) || domain::ends_stream(event);
}

std::string wire_text(const std::vector<dialect::Frame>& frames, dialect::Framing framing) {
  std::string out;
  for (const auto& frame : frames) {
    const http::Frame f{.event = frame.event, .data = frame.data};
    out += framing == dialect::Framing::kSse ? http::sse_text(f) : http::ndjson_text(f);
  }
  return out;
}

http::ResponseHead stream_head(const http::Headers& headers, dialect::Framing framing) {
  http::ResponseHead head;
  head.headers = headers;
  if (framing == dialect::Framing::kSse) {
    head.headers.set("content-type", "text/event-stream; charset=utf-8");
    head.headers.set("cache-control", "no-cache");
    head.headers.set("x-accel-buffering", "no");
  } else {
    head.headers.set("content-type", "application/x-ndjson");
  }
  return head;
}

}  // namespace

namespace {

// One in Go's language is bounded and harms nobody (docs/decisions/0007).
bool brings_jinja(const domain::Request& request) {
  const auto* chat = std::get_if<domain::ChatRequest>(&request);
  if (const auto* render = std::get_if<domain::RenderRequest>(&request)) chat = &render->chat;
  return chat != nullptr && !chat->template_override.empty() && !domain::is_go_template(chat->template_override);
}

}  // namespace

Result<void> apply_headers(const http::Headers& headers, domain::Envelope& envelope) {
  if (const auto value = headers.get("hearth-keep-alive")) {
    const auto span = base::parse_duration(*value);
    if (!span)
      return fail(ErrorCode::kInvalidRequest, "header hearth-keep-alive is not a duration (5m, 300, -1)",
                  "hearth-keep-alive");
    envelope.keep_alive = span;
  }
  if (const auto value = headers.get("hearth-priority")) {
    if (*value == "high")
      envelope.priority = domain::Priority::kHigh;
    else if (*value == "normal")
      envelope.priority = domain::Priority::kNormal;
    else if (*value == "low")
      envelope.priority = domain::Priority::kLow;
    else
      return fail(ErrorCode::kInvalidRequest, "header hearth-priority must be high, normal or low", "hearth-priority");
  }
  if (const auto value = headers.get("hearth-strict")) {
    if (*value != "0" && *value != "1")
      return fail(ErrorCode::kInvalidRequest, "header hearth-strict must be 0 or 1", "hearth-strict");
    envelope.strict = *value == "1";
  }
  return {};
}

Result<void> check_strict(const std::vector<std::string>& ignored) {
  if (ignored.empty()) return {};
  return fail(ErrorCode::kInvalidRequest,
              fmt::format("not honoured and refused because of hearth-strict: {}", ignored_header(ignored)),
              ignored.front());
}

std::string ignored_header(const std::vector<std::string>& names) {
  constexpr std::size_t kNamesMax = 20;
  std::string out;
  for (std::size_t i = 0; i < names.size() && i < kNamesMax; ++i) {
    if (i != 0) out += ", ";
    for (const char c : names[i].substr(0, 100)) out += c > 0x20 && c < 0x7F && c != ',' ? c : '_';
  }
  return out;
}

std::string request_id_of(const http::RequestHead& head) {
  return std::string(head.headers.get("x-request-id").value_or(""));
}

dialect::Edge Generator::edge() const { return {.clock = &clock_, .id = base::random_id(24)}; }

rt::Task<Result<Generator::Model>> Generator::find(std::string name) {
  co_return co_await work_.run([&]() -> Result<Model> {
    HEARTH_TRY(auto entry, library_.find(name));
    if (entry.format != "gguf")
      return fail(ErrorCode::kUnsupported,
                  fmt::format("model '{}' is {}, which this version cannot run; GGUF it can", entry.id(), entry.format),
                  "model");
    HEARTH_TRY(auto card, library_.card(entry));
    return Model{.entry = std::move(entry), .card = std::move(card)};
  });
}

rt::Task<Result<std::string>> Generator::model_for(const http::Headers& headers, domain::TaskSet tasks) {
  if (const auto named = headers.get(kModelHeader); named && !named->empty()) co_return std::string(*named);
  std::set<std::string> loaded;
  for (const auto& one : manager_.loaded()) loaded.insert(one.model.card.name);
  co_return co_await work_.run([&]() -> Result<std::string> {
    HEARTH_TRY(const auto cards, library_.list(store::Scope::kOwn));
    return choose_model(cards, loaded, tasks);
  });
}

rt::Task<Result<sched::Lease>> Generator::load(std::string name, domain::Envelope envelope) {
  HEARTH_CO_TRY(auto model, co_await find(std::move(name)));
  domain::apply_settings(model.card.settings, envelope);
  const sched::LoadWish wish{.context_tokens = envelope.context_tokens};
  co_return co_await manager_.acquire(std::move(model.entry), std::move(model.card), wish);
}

rt::Task<Result<Generator::Run>> Generator::start(const http::Request& request, dialect::Call& call) {
  auto& envelope = domain::envelope_of(call.request);
  const auto received = clock_.now();
  HEARTH_CO_CHECK(apply_headers(request.headers, envelope));
  if (envelope.strict) HEARTH_CO_CHECK(check_strict(call.ignored));
  if (!options_.allow_templates && brings_jinja(call.request))
    co_return fail(ErrorCode::kUnsupported,
                   "this server takes no jinja templates from requests; it would with --allow-templates",
                   "template_override");
  if (envelope.model.empty() && call.unnamed != domain::TaskSet{}) {
    HEARTH_CO_TRY(envelope.model, co_await model_for(request.headers, call.unnamed));
  }
  HEARTH_CO_TRY(auto model, co_await find(envelope.model));
  const auto context_asked = envelope.context_tokens;
  domain::apply_settings(model.card.settings, call.request);
  const sched::LoadWish wish{.context_tokens = envelope.context_tokens};
  HEARTH_CO_TRY(auto lease, co_await manager_.acquire(std::move(model.entry), std::move(model.card), wish));
  auto events = co_await lease.backend().run(call.request, {});
  if (!events) {
    const auto code = events.error().code;
    const bool cut = code == ErrorCode::kUnavailable || code == ErrorCode::kBackendCrashed;
    const bool gone = cut && co_await manager_.wait_gone(lease);
    if (cut && !gone)
      co_return fail(
          Error{.code = ErrorCode::kOverloaded,
                .message = fmt::format("the runner of model '{}' takes no connection now; try again", lease.model()),
                .retry_after = 1s});
    if (code ==
        ErrorCode::kUnavailable) {  // it died between two requests, and nothing was sent: once more, with a fresh one
      HEARTH_CO_TRY(lease, co_await load(envelope.model, envelope));
      events = co_await lease.backend().run(call.request, {});
    }
    if (!events) co_return std::unexpected(std::move(events).error());
  }
  lease.set_keep_alive(envelope.keep_alive);
  note_beyond(call, context_asked.value_or(0), lease.backend().capabilities());
  if (envelope.strict) HEARTH_CO_CHECK(check_strict(call.ignored));
  http::Headers headers;
  headers.set("hearth-model", lease.model());
  headers.set("hearth-served-by", lease.engine());
  headers.set("hearth-device", lease.device());
  if (!call.ignored.empty()) headers.set("hearth-ignored-parameters", ignored_header(call.ignored));
  Run run{.lease = std::move(lease),
          .events = *std::move(events),
          .model = envelope.model,
          .received = received,
          .headers = std::move(headers)};
  co_return run;
}

rt::Task<void> Generator::answer(const http::Request& request, dialect::Call call, const Face& face,
                                 http::ResponseWriter& writer) {
  const std::string request_id = request_id_of(request);
  auto run = co_await start(request, call);
  if (!run) {
    http::Response response = error_response(face, named(std::move(run).error(), call), request_id);
    (void)co_await writer.respond(std::move(response));
    co_return;
  }
  if (call.stream)
    co_await answer_stream(*std::move(run), call, face, request_id, writer);
  else
    co_await answer_whole(*std::move(run), call, face, request_id, writer);
}

rt::Task<void> Generator::answer_whole(Run run, dialect::Call& call, const Face& face, std::string request_id,
                                       http::ResponseWriter& writer) {
  domain::AnswerBuilder builder;
  std::optional<Error> failure;
  while (!builder.complete() && !failure) {
    auto events = co_await run.events->next();
    for (auto& event : events) {
      run.complete(event);
      if (auto added = builder.add(std::move(event)); !added) {
        failure = std::move(added).error();
        break;
      }
    }
  }
  http::Response response;
  if (failure) {
    if (failure->code == ErrorCode::kBackendCrashed) (void)co_await manager_.wait_gone(run.lease);
    response = error_response(face, named(*std::move(failure), call), request_id);
  } else {
    const auto answer = std::move(builder).take();
    metrics_.answered(run.lease.model(), answer->usage, answer->timings);
    response = json_response(call.renderer->body(*answer));
    run.headers.set("hearth-queue-ms", fmt::format("{:.1f}", seconds(answer->timings.queued) * 1e3));
    run.headers.set("server-timing", server_timing(answer->timings));
  }
  for (const auto& [name, value] : run.headers) response.headers.set(name, value);
  run.events.reset();
  (void)co_await writer.respond(std::move(response));
}

rt::Task<void> Generator::answer_stream(Run run, dialect::Call& call, const Face& face, std::string request_id,
                                        http::ResponseWriter& writer) {
  const auto hold_until = base::Deadline::after(options_.header_hold);
  std::vector<domain::Event> held;  // before the headers are out
  bool started = false;
  bool ended = false;
  while (!ended) {
    const auto deadline = started ? base::Deadline::after(options_.heartbeat) : hold_until;
    auto events = co_await run.events->next(deadline);
    std::string out;
    if (events.empty() && started) {
      if (call.framing != dialect::Framing::kSse) continue;
      out = http::sse_comment("waiting");
    }
    for (auto& event : events) {
      run.complete(event);
      const auto* failed = std::get_if<domain::Failed>(&event);
      if (failed != nullptr && failed->error.code == ErrorCode::kBackendCrashed)
        (void)co_await manager_.wait_gone(run.lease);
    }
    if (!started) {
      const bool timeout = events.empty();
      held.insert(held.end(), std::make_move_iterator(events.begin()), std::make_move_iterator(events.end()));
      if (!timeout && std::ranges::none_of(held, is_content)) continue;
      if (!held.empty()) {
        if (const auto* failed = std::get_if<domain::Failed>(&held.back())) {
          http::Response response = error_response(face, named(failed->error, call), request_id);
          for (const auto& [name, value] : run.headers) response.headers.set(name, value);
          (void)co_await writer.respond(std::move(response));
          co_return;
        }
      }
      // Before that it has been waiting for all this time.
      run.headers.set("hearth-queue-ms",
                      fmt::format("{:.1f}", seconds(run.queued.value_or(clock_.now() - run.received)) * 1e3));
      http::ResponseHead head = stream_head(run.headers, call.framing);
      if (!co_await writer.start(std::move(head))) co_return;
      started = true;
      events = std::exchange(held, {});
    }
    for (const auto& event : events) {
      out += wire_text(call.renderer->frames(event), call.framing);
      if (const auto* finished = std::get_if<domain::Finished>(&event))
        metrics_.answered(run.lease.model(), finished->usage, finished->timings);
      if (const auto* failed = std::get_if<domain::Failed>(&event))  // the access log has the status that was sent
        log_.warn("the stream of {} ends with an error: {}", request_id, failed->error.message);
      ended = ended || domain::ends_stream(event);
    }
    if (!out.empty() && !co_await writer.write(std::move(out))) co_return;
  }
  run.events.reset();
  (void)co_await writer.finish();
}

}  // namespace hearth::gateway
