#include "runner/runner_service.hpp"

#include <fmt/format.h>

#include "dialect/native/native.hpp"
#include "json/writer.hpp"
#include "rt/race.hpp"
#include "rt/task.hpp"
#include "runner/channel_sink.hpp"

namespace hearth::runner {
namespace {

using namespace std::chrono_literals;
namespace native = dialect::native;

// What is longer is read, rendered and tokenised on another thread, which takes longer to wake than this takes.
constexpr std::size_t kShortBody = 4096;

// Formats that are compiled, or wait for that. Each may take seconds, so that more would wait for too long.
constexpr std::size_t kCompilingMax = 8;
constexpr auto kCompilingRetry = 3s;

http::Response json_response(int status, std::string body) {
  http::Response response;
  response.status = status;
  response.headers.set("content-type", "application/json");
  response.body = std::move(body);
  return response;
}

http::Response error_response(const Error& error) {
  return json_response(base::traits(error.code).http_status, native::write_error(error));
}

http::ResponseHead ndjson_head() {
  http::ResponseHead head;
  head.headers.set("content-type", "application/x-ndjson");
  return head;
}

// Whether there is little to do before the engine has it: a template of the model's own without tools, no sampler that
// looks through the vocabulary first.
bool is_plain(const domain::Request& request) {
  if (const auto* const chat = std::get_if<domain::ChatRequest>(&request))
    return chat->tools.empty() && chat->template_override.empty() && chat->generation.sampling.dry.multiplier == 0;
  const auto* const completion = std::get_if<domain::CompletionRequest>(&request);
  return completion == nullptr || completion->generation.sampling.dry.multiplier == 0;
}

// What a request's format is compiled from, as far as the client says it.
std::string form_of(const domain::Request& request) {
  const auto text = [](const domain::ResponseFormat& format) {
    return fmt::format("{}:{}", static_cast<int>(format.kind), format.text);
  };
  if (const auto* const completion = std::get_if<domain::CompletionRequest>(&request))
    return text(completion->response_format);
  const auto& chat = std::get<domain::ChatRequest>(request);
  std::string out = text(chat.response_format);
  for (const auto& tool : chat.tools) out += fmt::format("\n{}:{}", tool.name, tool.parameters);
  return out;
}

// The requests that need no engine step, answered as a stream like all others.
std::optional<Result<std::vector<domain::Event>>> answer_directly(const engine::Engine& engine,
                                                                  const domain::Request& request) {
  const auto finish = [&](domain::Event event, std::size_t count) {
    const auto& info = engine.info();
    const auto tokens = static_cast<std::int32_t>(count);
    return std::vector<domain::Event>{domain::Started{.id = {},
                                                      .model = info.name,
                                                      .served_by = info.engine,
                                                      .device = info.capabilities.device,
                                                      .prompt_tokens = tokens},
                                      std::move(event), domain::Finished{.usage = {.prompt = tokens}, .timings = {}}};
  };
  if (const auto* r = std::get_if<domain::TokenizeRequest>(&request))
    return engine.tokenize(*r).map([&](domain::Tokenized t) {
      const auto count = t.tokens.size();
      return finish(std::move(t), count);
    });
  if (const auto* r = std::get_if<domain::DetokenizeRequest>(&request))
    return engine.detokenize(*r).map([&](std::string text) {
      const auto count = r->tokens.size();
      return finish(domain::Rendered{.text = std::move(text), .tokens = static_cast<std::int32_t>(count)}, count);
    });
  if (const auto* r = std::get_if<domain::RenderRequest>(&request))
    return engine.render(*r).map([&](domain::Rendered t) {
      const auto count = static_cast<std::size_t>(t.tokens);
      return finish(std::move(t), count);
    });
  return std::nullopt;
}

std::string lines_of(const std::vector<domain::Event>& events) {
  std::string out;
  for (const auto& event : events) out += native::write_event(event) + "\n";
  return out;
}

}  // namespace

std::string write_info(const engine::ModelInfo& info) {
  json::Writer w;
  w.begin_object()
      .field("name", info.name)
      .field("engine", info.engine)
      .key("capabilities")
      .raw(native::write_capabilities(info.capabilities));
  w.field("chat_template", info.chat_template).key("memory").begin_array();
  for (const auto& m : info.memory) {
    w.begin_object().field("device", m.device).field("weights", m.weights.count).field("kv_cache", m.kv_cache.count);
    w.field("compute", m.compute.count).end_object();
  }
  w.end_array().end_object();
  return std::move(w).take();
}

std::string write_stats(const engine::Stats& s) {
  json::Writer w;
  w.begin_object().field("steps", s.steps).field("prompt_tokens", s.prompt_tokens);
  w.field("cached_prompt_tokens", s.cached_prompt_tokens).field("generated_tokens", s.generated_tokens);
  w.field("requests_finished", s.requests_finished).field("requests_failed", s.requests_failed);
  w.field("requests_cancelled", s.requests_cancelled).field("steps_after_cancel", s.steps_after_cancel);
  w.field("step_nanoseconds", s.step_nanoseconds).field("sampling_nanoseconds", s.sampling_nanoseconds);
  w.field("running", s.running).field("waiting", s.waiting);
  w.field("prefix_hits", s.prefix_hits).field("prefix_saves", s.prefix_saves);
  w.field("prefix_restores", s.prefix_restores).field("prefix_reads", s.prefix_reads);
  w.field("prefix_evictions", s.prefix_evictions).field("prefix_nanoseconds", s.prefix_nanoseconds);
  w.field("prefix_memory_bytes", s.prefix_memory_bytes).field("prefix_disk_bytes", s.prefix_disk_bytes);
  w.field("paused", s.paused)
      .field("slots", s.slots)
      .field("kv_cells", s.kv_cells)
      .field("kv_cells_used", s.kv_cells_used);
  w.end_object();
  return std::move(w).take();
}

void RunnerService::set_engine(engine::Engine& engine) {
  outcome_.with([&](Outcome& o) { o.engine = &engine; });
  settled_.set();
}

void RunnerService::set_failure(Error error) {
  outcome_.with([&](Outcome& o) { o.error = std::move(error); });
  settled_.set();
}

void RunnerService::end() {
  ending_.set();
  changed_.set();
}

rt::Task<Result<engine::Engine*>> RunnerService::loaded_engine() {
  co_await settled_.wait();
  co_return outcome_.with([](const Outcome& o) -> Result<engine::Engine*> {
    if (o.engine == nullptr) return fail(o.error);
    return o.engine;
  });
}

rt::Task<void> RunnerService::serve(http::Request request, http::ResponseWriter& writer) {
  if (request.path == "/hearth/v1/run" && request.method == http::Method::kPost) {
    co_await run(std::move(request), writer);
  } else if (request.path == "/hearth/v1/info" && request.method == http::Method::kGet) {
    co_await info(writer);
  } else if (request.path == "/hearth/v1/stats" && request.method == http::Method::kGet) {
    co_await stats(writer);
  } else {
    http::Response response =
        error_response(Error{.code = ErrorCode::kNotFound, .message = fmt::format("no route {}", request.path)});
    (void)co_await writer.respond(std::move(response));
  }
}

struct RunnerService::Begun {
  std::string lines;
  std::shared_ptr<ChannelSink> sink;
  engine::Ticket ticket{};

  void took(engine::Ticket its) {
    ticket = its;
    sink->set_ticket(its);
  }
};

rt::Task<Result<RunnerService::Begun>> RunnerService::begin(engine::Engine& engine, std::string_view body) {
  Begun out;
  const bool is_short = body.size() <= kShortBody;
  auto request = is_short ? native::read_request(body) : co_await work_.run([&] { return native::read_request(body); });
  HEARTH_CO_CHECK(request);
  const auto submit = [&]() -> Result<bool> {
    if (const auto direct = answer_directly(engine, *request)) {
      HEARTH_CHECK(*direct);
      out.lines = lines_of(**direct);
      return true;
    }
    out.sink = std::make_shared<ChannelSink>(engine);
    HEARTH_TRY(const auto ticket, engine.submit_known(*request, out.sink));
    if (ticket) out.took(*ticket);
    return ticket.has_value();
  };
  const auto known = is_short && is_plain(*request) ? submit() : co_await work_.run(submit);
  HEARTH_CO_CHECK(known);
  if (!*known) {
    HEARTH_CO_TRY(const auto ticket, co_await submit_slowly(engine, *request, out.sink));
    out.took(ticket);
  }
  co_return out;
}

rt::Task<Result<engine::Ticket>> RunnerService::submit_slowly(engine::Engine& engine, const domain::Request& request,
                                                              std::shared_ptr<engine::Sink> sink) {
  const std::string form = form_of(request);
  const bool begins = compiling_.with([&](Compiling& forms) {
    if (!forms.contains(form) && forms.size() >= kCompilingMax) return false;
    ++forms[form];
    return true;
  });
  if (!begins)
    co_return fail(Error{.code = ErrorCode::kOverloaded,
                         .message = fmt::format("{} other formats of answers (schemas, grammars, tools) are being "
                                                "compiled; try again in a few seconds",
                                                kCompilingMax),
                         .retry_after = kCompilingRetry});
  const std::shared_ptr<void> done(nullptr, [&](void*) {
    compiling_.with([&](Compiling& forms) {
      const auto mine = forms.find(form);
      if (--mine->second == 0) forms.erase(mine);
    });
  });
  co_return co_await slow_.run([&] { return engine.submit(request, sink); });
}

// Counts among those that run, and cancels what was submitted unless its end was seen: the destructor also runs when
// the coroutine is cancelled.
class RunnerService::Submission {
 public:
  Submission(RunnerService& service, engine::Engine& engine, engine::Ticket ticket)
      : service_(service), engine_(engine), ticket_(ticket) {
    ++service_.running_;
    service_.changed_.set();
  }
  Submission(const Submission&) = delete;
  Submission& operator=(const Submission&) = delete;
  ~Submission() {
    if (!ended_) engine_.cancel(ticket_);
    --service_.running_;
    service_.changed_.set();
  }
  void ended() { ended_ = true; }

 private:
  RunnerService& service_;
  engine::Engine& engine_;
  engine::Ticket ticket_;
  bool ended_ = false;
};

rt::Task<void> RunnerService::run(http::Request request, http::ResponseWriter& writer) {
  const auto engine = co_await loaded_engine();
  auto begun = engine ? co_await begin(**engine, request.body) : Result<Begun>(std::unexpected(engine.error()));
  if (!begun || !begun->sink) {
    http::Response response = begun ? json_response(200, std::move(begun->lines)) : error_response(begun.error());
    if (begun) response.headers.set("content-type", "application/x-ndjson");
    (void)co_await writer.respond(std::move(response));
    co_return;
  }
  const auto& sink = begun->sink;
  Submission submission(*this, **engine, begun->ticket);
  http::ResponseHead head = ndjson_head();
  if (!co_await writer.start(std::move(head))) co_return;
  for (bool ended = false; !ended;) {
    const auto batches = co_await sink->channel().receive_all();
    std::string lines;
    for (const auto& batch : batches) {
      lines += lines_of(batch);
      ended = ended || (!batch.empty() && domain::ends_stream(batch.back()));
    }
    if (ended) submission.ended();
    if (!co_await writer.write(std::move(lines))) co_return;
  }
  (void)co_await writer.finish();
}

rt::Task<void> RunnerService::info(http::ResponseWriter& writer) {
  const auto engine = co_await loaded_engine();
  http::Response response = engine ? json_response(200, write_info((*engine)->info())) : error_response(engine.error());
  (void)co_await writer.respond(std::move(response));
}

rt::Task<void> RunnerService::stats(http::ResponseWriter& writer) {
  const auto engine = co_await loaded_engine();
  http::ResponseHead head = ndjson_head();
  if (!engine || !co_await writer.start(std::move(head))) co_return;
  std::string last;
  bool woken = false;  // the engine learns of it after this does
  for (changed_.reset(); !ending_.is_set(); changed_.reset()) {
    const engine::Stats now = (*engine)->stats();
    if (std::string line = write_stats(now); line != last) {
      last = line;
      line += '\n';
      if (!co_await writer.write(std::move(line))) co_return;
      co_await rt::sleep_for(pace_.apart);
    }
    const bool works = woken || running_ > 0 || now.running > 0 || now.waiting > 0;
    woken = co_await changed_.wait(base::Deadline::after(works ? pace_.working : pace_.resting));
  }
  (void)co_await writer.finish();
}

}  // namespace hearth::runner
