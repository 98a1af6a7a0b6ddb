#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "dialect/ollama/ollama.hpp"
#include "gateway/generate.hpp"
#include "gateway/metrics.hpp"
#include "gateway/model_creator.hpp"
#include "gateway/options.hpp"
#include "gateway/pull_jobs.hpp"
#include "http/router.hpp"
#include "http/server.hpp"
#include "http/service.hpp"
#include "sched/model_manager.hpp"
#include "store/library.hpp"

namespace hearth::gateway {

// All routes of hearth on one port, behind one ordered list of checks: request id -> Host -> CORS -> key -> route; then
// metrics and access log. One event loop. REQUIRES: what is passed in outlives it.
class Gateway final : public http::Service {
 public:
  Gateway(store::Library& library, rt::WorkThreads& work, sched::ModelManager& manager, PullJobs& pulls,
          const base::Clock& clock, base::Log& log, GatewayOptions options);
  ~Gateway() override;

  [[nodiscard]] http::RoutePolicy policy(const http::RequestHead& head) const override;
  [[nodiscard]] rt::Task<void> serve(http::Request request, http::ResponseWriter& writer) override;
  [[nodiscard]] http::Response refuse(const http::RequestHead& head, const Error& error) const override;

  // The server whose counters /metrics shows; set once it exists.
  void set_server(const http::Server& server) { server_ = &server; }
  // What POST /hearth/v1/shutdown does.
  void set_shutdown(std::function<void()> shutdown) { shutdown_ = std::move(shutdown); }
  // From now on /ready says 503. Thread-safe.
  void set_draining() { draining_ = true; }
  [[nodiscard]] http::Response ready_response() const;
  // When a request was last being answered: for --idle-exit.
  [[nodiscard]] base::SteadyTime last_activity() const { return last_activity_; }
  [[nodiscard]] std::size_t in_flight() const { return in_flight_; }

  // Thread-safe, from published snapshots: what the monitor listener serves too.
  [[nodiscard]] std::string health_body() const;
  [[nodiscard]] std::string metrics_body() const;

 private:
  static constexpr std::size_t kLongBody = 128UL << 10;  // takes longer to parse than others should wait for the loop

  void add_openai_routes();
  void add_ollama_routes();
  void add_anthropic_routes();
  void add_encoder_routes();
  void add_native_routes();
  void add_import_route();
  void add_load_routes();
  void add_disk_routes();
  void add_operation_routes();
  void add_pull_routes();

  // Route helpers: a handler that parses the body in a dialect and answers it.
  using Parse = Result<dialect::Call> (*)(std::string_view body, const dialect::Edge& edge);
  [[nodiscard]] http::RouteHandler model_route(Parse parse, const Face& face);
  [[nodiscard]] rt::Task<void> answer_call(http::Request request, Parse parse, const Face& face,
                                           http::ResponseWriter& writer);
  [[nodiscard]] rt::Task<Result<std::string>> tei_info(const http::Request& request);
  [[nodiscard]] rt::Task<void> send(http::ResponseWriter& writer, http::Response response) const;
  [[nodiscard]] rt::Task<void> send_error(http::ResponseWriter& writer, const Face& face, Error error,
                                          const http::RequestHead& head) const;
  [[nodiscard]] rt::Task<void> load_only(http::Request request, dialect::ollama::OllamaCall parsed, dialect::Edge edge,
                                         http::ResponseWriter& writer);
  // Who may have this server look at paths and addresses: it could read more than they.
  [[nodiscard]] bool is_trusted(const http::Request& request) const;
  [[nodiscard]] Result<store::Reference> pull_reference(const std::string& text, const http::Request& request) const;
  class BlobSink;
  void add_blob_routes();
  // Where the body of an upload goes.
  void prepare_blob(const http::RequestHead& head, http::RoutePolicy& policy) const;
  [[nodiscard]] rt::Task<void> create_ollama(http::Request request, http::ResponseWriter& writer);
  [[nodiscard]] rt::Task<void> pull_ollama(http::Request request, http::ResponseWriter& writer);
  [[nodiscard]] rt::Task<void> pull_native(http::Request request, http::ResponseWriter& writer);
  [[nodiscard]] rt::Task<void> show_job(http::Request request, std::string id, http::ResponseWriter& writer);
  [[nodiscard]] rt::Task<Result<void>> unload_model(std::string name);
  // Removes it, or all that its name means, from the library, and unloads what is not there any more.
  [[nodiscard]] rt::Task<Result<void>> remove_model(std::string name);
  // A body made of the cards of all models; they can be many, so none of this is done on the loop.
  using Render = std::function<std::string(std::span<const domain::ModelCard>)>;
  [[nodiscard]] rt::Task<Result<std::string>> listing(store::Scope scope, Render render);
  // Hearth's own that this version can run: what other programs' clients are shown.
  [[nodiscard]] rt::Task<Result<std::string>> listing_of_servable(Render render);
  [[nodiscard]] rt::Task<Result<domain::ModelCard>> card_of(std::string name);
  // Refusals that come before any route; nothing if the request may pass.
  [[nodiscard]] std::optional<Error> check(const http::RequestHead& head) const;
  [[nodiscard]] bool host_allowed(const http::RequestHead& head) const;
  [[nodiscard]] bool origin_allowed(const http::RequestHead& head) const;
  [[nodiscard]] bool key_valid(const http::RequestHead& head) const;
  [[nodiscard]] static std::string sane_request_id(const http::RequestHead& head);
  [[nodiscard]] http::Headers common_headers(const http::RequestHead& head, const std::string& id) const;
  void add_cors(const http::RequestHead& head, http::Headers& headers) const;

  store::Library& library_;  // touches disks: on work_ only
  rt::WorkThreads& work_;
  sched::ModelManager& manager_;
  PullJobs& pulls_;
  rt::WorkThreads checks_{1, "hearth-verify"};  // minutes of hashing; one model at a time
  rt::WorkThreads syncs_{2, "hearth-sync"};     // what has been uploaded, on its way to the disk
  ModelCreator creator_;
  const base::Clock& clock_;
  base::Log& log_;
  GatewayOptions options_;
  mutable Metrics metrics_;  // refuse() counts too
  Generator generator_;
  http::Router router_;
  std::atomic<const http::Server*> server_ = nullptr;
  std::function<void()> shutdown_;
  std::atomic<bool> draining_ = false;
  base::SteadyTime last_activity_{};
  std::size_t in_flight_ = 0;
};

}  // namespace hearth::gateway
