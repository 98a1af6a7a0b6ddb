#include "sdk/client.hpp"

#include <fmt/format.h>
#include <optional>
#include <utility>

#include "dialect/native/native.hpp"
#include "http/stream_reader.hpp"
#include "json/reader.hpp"
#include "json/writer.hpp"
#include "rt/io_threads.hpp"
#include "rt/race.hpp"
#include "rt/signal_flag.hpp"

namespace hearth::sdk {

using namespace std::chrono_literals;
namespace native = dialect::native;

namespace {

constexpr auto kCallTimeout = 15min;  // a load may be part of the call
constexpr auto kVerifyTimeout = 24h;  // terabytes on a slow disk
constexpr auto kListTimeout = 10s;
constexpr auto kSilence = 60s;  // a server that follows a job says something every 15 s

// Reads events of an open answer until its end.
rt::Task<Result<bool>> follow(http::ClientResponse& response,
                              const std::function<void(const domain::Event&)>& on_event) {
  http::NdjsonReader reader;
  while (true) {
    const auto piece = co_await response.read();
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->empty()) co_return fail(ErrorCode::kStreamCut, "the answer ended before it was complete");
    HEARTH_CO_TRY(const auto frames, reader.feed(*piece));
    for (const auto& frame : frames) {
      HEARTH_CO_TRY(const auto event, native::read_event(frame.data));
      if (const auto* failed = std::get_if<domain::Failed>(&event)) co_return fail(failed->error);
      on_event(event);
      if (domain::ends_stream(event)) co_return false;
    }
  }
}

// Reads states of a job until it has ended.
rt::Task<Result<bool>> follow_job(http::ClientResponse& response,
                                  const std::function<void(const json::Value&)>& on_change) {
  http::SseReader reader;
  std::string status;
  while (true) {
    const auto piece = co_await response.read(base::Deadline::after(kSilence));
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->empty() && status != "done" && status != "failed")
      co_return fail(ErrorCode::kStreamCut, "the server ended before the download did");
    if (piece->empty()) co_return false;
    HEARTH_CO_TRY(const auto frames, reader.feed(*piece));
    for (const auto& frame : frames) {
      HEARTH_CO_TRY(const auto job, json::parse(frame.data));
      const auto* now = job.is_object() ? job.get_object().if_contains("status") : nullptr;
      if (now != nullptr && now->is_string()) status = now->get_string();
      on_change(job);
    }
  }
}

rt::Task<Result<bool>> follow_lines(http::ClientResponse& response,
                                    const std::function<void(const json::Value&)>& on_line) {
  http::NdjsonReader reader;
  while (true) {
    HEARTH_CO_TRY(const auto piece, co_await response.read());
    if (piece.empty()) co_return false;
    HEARTH_CO_TRY(const auto frames, reader.feed(piece));
    for (const auto& frame : frames) {
      HEARTH_CO_TRY(const auto line, json::parse(frame.data));
      if (line.is_object() && line.get_object().contains("error"))
        co_return fail(native::read_error(frame.data, "the server gave up"));
      on_line(line);
    }
  }
}

}  // namespace

http::Request Client::make_request(http::Method method, std::string path, std::string body) const {
  http::Request request;
  request.method = method;
  request.method_text = std::string(http::to_string(method));
  request.target = request.path = std::move(path);
  if (!api_key_.empty()) request.headers.set("authorization", "Bearer " + api_key_);
  if (!body.empty()) request.headers.set("content-type", "application/json");
  request.headers.set("user-agent", "hearth/" HEARTH_VERSION);
  request.body = std::move(body);
  return request;
}

Result<std::string> Client::call(http::Method method, std::string path, std::string body,
                                 std::chrono::nanoseconds timeout) const {
  Result<std::string> out;
  rt::run_here([](const Client& self, http::Request request, std::chrono::nanoseconds span,
                  Result<std::string>& result) -> rt::Task<void> {
    http::Client client(co_await rt::current_executor(), self.endpoint_);
    auto response = co_await client.fetch(std::move(request), base::Deadline::after(span));
    if (!response)
      result = std::unexpected(std::move(response).error());
    else if (response->status >= 300)
      result = fail(native::read_error(response->body,
                                       fmt::format("{} answered {}", self.endpoint_.describe(), response->status)));
    else
      result = std::move(response->body);
  }(*this, make_request(method, std::move(path), std::move(body)), timeout, out));
  return out;
}

std::string Client::address() const {
  std::string out = endpoint_.describe();
  if (const auto scheme = out.find("://"); scheme != std::string::npos) out.erase(0, scheme + 3);
  return out;
}

Result<std::string> Client::models(bool all) const {
  auto body = call(http::Method::kGet, all ? "/hearth/v1/models?all=1" : "/hearth/v1/models", "", kListTimeout);
  if (!body && body.error().code == ErrorCode::kTimeout)
    return fail(ErrorCode::kTimeout, fmt::format("{}: takes connections, but does not answer", address()));
  if (!body && body.error().code != ErrorCode::kBackendError) return body;
  if (body) {
    const auto value = json::parse(*body);
    if (value && value->is_object() && value->get_object().contains("hearth")) return body;
  }
  return fail(ErrorCode::kConflict, fmt::format("{}: answers, but is not hearth", address()));
}

Result<std::string> Client::get(std::string path) const {
  return call(http::Method::kGet, std::move(path), "", kCallTimeout);
}
Result<std::string> Client::post(std::string path, std::string body) const {
  return call(http::Method::kPost, std::move(path), std::move(body), kCallTimeout);
}
Result<std::string> Client::remove(std::string path) const {
  return call(http::Method::kDelete, std::move(path), "", kCallTimeout);
}
Result<std::string> Client::verify(const std::string& model) const {
  return call(http::Method::kPost, "/hearth/v1/models/" + http::percent_encode(model) + "/verify", "{}",
              kVerifyTimeout);
}

// Sends a request and lets `handle` read the answer if it is 200; true = stopped by the token.
Result<bool> Client::stream(http::Request request, const Handle& handle, std::stop_token stop) const {
  Result<bool> out = false;
  rt::SignalFlag stopped;
  const std::stop_callback on_stop(stop, [&stopped] { stopped.set(); });
  auto work = [](const Client& self, http::Request wire, const Handle& read) -> rt::Task<Result<bool>> {
    http::Client client(co_await rt::current_executor(), self.endpoint_);
    auto response = co_await client.send(std::move(wire));
    if (!response) co_return std::unexpected(std::move(response).error());
    if ((*response)->head().status == 200) co_return co_await read(**response);
    std::string body;
    while (body.size() < (1U << 20)) {
      const auto piece = co_await (*response)->read(base::Deadline::after(30s));
      if (!piece || piece->empty()) break;
      body += *piece;
    }
    co_return fail(
        native::read_error(body, fmt::format("{} answered {}", self.endpoint_.describe(), (*response)->head().status)));
  };
  auto main = [](rt::Task<Result<bool>> task, rt::SignalFlag& flag, Result<bool>& result) -> rt::Task<void> {
    auto outcome = co_await rt::race(std::move(task), flag.wait());
    result = outcome.index() == 0 ? std::get<0>(std::move(outcome)) : Result<bool>(true);
  };
  rt::run_here(main(work(*this, std::move(request), handle), stopped, out));
  return out;
}

Result<bool> Client::run(const domain::Request& request, const std::function<void(const domain::Event&)>& on_event,
                         std::stop_token stop) const {
  return stream(
      make_request(http::Method::kPost, "/hearth/v1/run", native::write_request(request)),
      [&](http::ClientResponse& response) { return follow(response, on_event); }, std::move(stop));
}

Result<bool> Client::lines(std::string path, std::string body, const std::function<void(const json::Value&)>& on_line,
                           std::stop_token stop) const {
  return stream(
      make_request(http::Method::kPost, std::move(path), std::move(body)),
      [&](http::ClientResponse& response) { return follow_lines(response, on_line); }, std::move(stop));
}

Result<bool> Client::pull(const std::string& reference, const std::function<void(const json::Value&)>& on_change,
                          std::stop_token stop) const {
  json::Writer w;
  w.begin_object().field("reference", reference).end_object();
  HEARTH_TRY(const auto started, post("/hearth/v1/models/pull", std::move(w).take()));
  HEARTH_TRY(const auto job, json::parse(started));
  const auto* id = job.is_object() ? job.get_object().if_contains("id") : nullptr;
  if (id == nullptr || !id->is_string()) return fail(ErrorCode::kBackendError, "the server named no job");
  auto request = make_request(http::Method::kGet, "/hearth/v1/jobs/" + std::string(id->get_string()), "");
  request.headers.set("accept", "text/event-stream");
  return stream(
      std::move(request), [&](http::ClientResponse& response) { return follow_job(response, on_change); },
      std::move(stop));
}

}  // namespace hearth::sdk
