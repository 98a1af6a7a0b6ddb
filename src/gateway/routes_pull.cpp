#include <fmt/format.h>
#include <set>

#include "base/strings.hpp"
#include "dialect/ollama/ollama.hpp"
#include "gateway/gateway.hpp"
#include "http/stream_reader.hpp"
#include "json/reader.hpp"

namespace hearth::gateway {

using http::Method;
using http::Request;
using http::ResponseWriter;
using http::RouteArgs;
namespace ollama = dialect::ollama;
namespace provision = store::provision;

namespace {

// Ollama's lines for a job, each said when it is new.
class PullLines {
 public:
  // NDJSON for what changed since the last call.
  std::string take(const PullJob::State& state) {
    std::string out;
    const auto say = [&](std::string_view status) {
      if (!said_.insert(std::string(status)).second) return;
      out += ollama::status_line(status) + "\n";
    };
    say("pulling manifest");
    const auto& p = state.progress;
    if (p.phase == provision::PullProgress::Phase::kDownloading) {
      shown_.resize(p.files.size(), UINT64_MAX);
      for (std::size_t i = 0; i < p.files.size() && i < p.bytes.files.size(); ++i) {
        const auto& bytes = p.bytes.files[i];
        const auto present = state.status == PullJob::Status::kDone ? bytes.total : bytes.present;
        if (shown_[i] == present) continue;
        shown_[i] = present;
        out += ollama::pull_file(p.files[i].name, to_text(p.files[i].digest), bytes.total, present) + "\n";
      }
      if (p.bytes.present == p.bytes.total && p.bytes.total > 0) say("verifying sha256 digest");
    }
    if (state.status == PullJob::Status::kDone) {
      say("verifying sha256 digest");
      say("writing manifest");
      say("success");
    }
    return out;
  }

 private:
  std::set<std::string> said_;
  std::vector<std::uint64_t> shown_;
};

http::ResponseHead stream_head(const char* type) {
  http::ResponseHead head;
  head.headers.set("content-type", type);
  head.headers.set("cache-control", "no-cache");
  return head;
}

}  // namespace

bool Gateway::is_trusted(const Request& request) const {
  return request.peer_is_loopback || !options_.api_keys.empty();
}

Result<store::Reference> Gateway::pull_reference(const std::string& text, const Request& request) const {
  HEARTH_TRY(auto reference, store::parse_reference(text));
  const bool address = reference.kind == store::Reference::Kind::kUrl || reference.kind == store::Reference::Kind::kS3;
  if (address && !is_trusted(request))
    return fail(ErrorCode::kForbidden, "only a local caller or one with a key may have addresses fetched", "model");
  return reference;
}

rt::Task<void> Gateway::pull_ollama(Request request, ResponseWriter& writer) {
  auto call = ollama::parse_pull(request.body);
  auto reference =
      call ? pull_reference(call->reference, request) : Result<store::Reference>(std::unexpected(call.error()));
  if (!reference) {
    co_await send_error(writer, kOllama, std::move(reference).error(), request);
    co_return;
  }
  auto started = pulls_.start(*reference, false);
  if (!started) {
    co_await send_error(writer, kOllama, std::move(started).error(), request);
    co_return;
  }
  const PullWatch job(*std::move(started));
  if (!call->stream) {
    auto state = job->state();
    while (!state.ended()) {
      co_await job->wait_after(state.version);
      state = job->state();
    }
    if (state.error) {
      co_await send_error(writer, kOllama, *state.error, request);
      co_return;
    }
    http::Response response = json_response(ollama::status_line("success"));
    if (!call->ignored.empty()) response.headers.set("hearth-ignored-parameters", ignored_header(call->ignored));
    co_await send(writer, std::move(response));
    co_return;
  }
  http::ResponseHead head = stream_head("application/x-ndjson");
  if (!call->ignored.empty()) head.headers.set("hearth-ignored-parameters", ignored_header(call->ignored));
  if (!co_await writer.start(std::move(head))) co_return;
  PullLines lines;
  while (true) {
    const auto state = job->state();
    std::string out = lines.take(state);
    if (state.error) out += ollama::error(*state.error).body + "\n";
    if (!out.empty() && !co_await writer.write(std::move(out))) co_return;
    if (state.ended()) break;
    co_await job->wait_after(state.version);
  }
  (void)co_await writer.finish();
}

rt::Task<void> Gateway::pull_native(Request request, ResponseWriter& writer) {
  std::string text;
  const auto report = json::read_object(request.body, [&](json::Object& in) { text = in.required_text("reference"); });
  auto reference = report ? pull_reference(text, request) : Result<store::Reference>(std::unexpected(report.error()));
  if (!reference) {
    co_await send_error(writer, kNative, std::move(reference).error(), request);
    co_return;
  }
  const auto job = pulls_.start(*reference, true);
  if (!job)
    co_await send_error(writer, kNative, job.error(), request);
  else
    co_await send(writer, json_response(job_json(**job, (*job)->state()), 202));
}

rt::Task<void> Gateway::show_job(Request request, std::string id, ResponseWriter& writer) {
  const auto found = pulls_.find(id);
  if (!found) {
    co_await send_error(writer, kNative,
                        Error{.code = ErrorCode::kNotFound, .message = fmt::format("no job {}", base::one_line(id))},
                        request);
    co_return;
  }
  const PullWatch job(found);
  if (!request.headers.get("accept").value_or("").contains("text/event-stream")) {
    co_await send(writer, json_response(job_json(*job, job->state())));
    co_return;
  }
  http::ResponseHead head = stream_head("text/event-stream; charset=utf-8");
  if (!co_await writer.start(std::move(head))) co_return;
  std::string last;
  while (true) {
    const auto state = job->state();
    std::string now = job_json(*job, state);
    std::string out = now == last ? http::sse_comment("waiting") : http::sse_text({.event = {}, .data = now});
    last = std::move(now);
    if (!co_await writer.write(std::move(out))) co_return;
    if (state.ended()) break;
    co_await job->wait_after(state.version, base::Deadline::after(options_.heartbeat));
  }
  (void)co_await writer.finish();
}

void Gateway::add_pull_routes() {
  router_.add(Method::kPost, "/api/pull", [this](Request request, RouteArgs, ResponseWriter& writer) -> rt::Task<void> {
    co_await pull_ollama(std::move(request), writer);
  });
  router_.add(Method::kPost, "/hearth/v1/models/pull",
              [this](Request request, RouteArgs, ResponseWriter& writer) -> rt::Task<void> {
                co_await pull_native(std::move(request), writer);
              });
  router_.add(Method::kGet, "/hearth/v1/jobs/{id}",
              [this](Request request, RouteArgs args, ResponseWriter& writer) -> rt::Task<void> {
                co_await show_job(std::move(request), args.get("id"), writer);
              });
}

}  // namespace hearth::gateway
