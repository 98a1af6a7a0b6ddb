#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "dialect/dialect.hpp"
#include "gateway/face.hpp"
#include "gateway/metrics.hpp"
#include "gateway/options.hpp"
#include "http/service.hpp"
#include "rt/work_threads.hpp"
#include "sched/model_manager.hpp"
#include "store/library.hpp"

namespace hearth::gateway {

// The one path of every request that a model answers, whatever its dialect: resolve, load, run, then fold or stream.
// One event loop. REQUIRES: everything passed in outlives it.
class Generator {
 public:
  Generator(store::Library& library, rt::WorkThreads& work, sched::ModelManager& manager, Metrics& metrics,
            const base::Clock& clock, base::Log& log, const GatewayOptions& options)
      : library_(library),
        work_(work),
        manager_(manager),
        metrics_(metrics),
        clock_(clock),
        log_(log),
        options_(options) {}

  // Answers `call` in its dialect. Errors before the first byte are HTTP statuses; later ones are told in the stream.
  [[nodiscard]] rt::Task<void> answer(const http::Request& request, dialect::Call call, const Face& face,
                                      http::ResponseWriter& writer);

  // Loads a model without running anything; its lease ends at once, which starts the keep-alive clock.
  [[nodiscard]] rt::Task<Result<sched::Lease>> load(std::string name, domain::Envelope envelope);

  // Of a request that its dialect lets leave the model unnamed: the one in its header, or the only one that does one of
  // `tasks`.
  [[nodiscard]] rt::Task<Result<std::string>> model_for(const http::Headers& headers, domain::TaskSet tasks);

  [[nodiscard]] dialect::Edge edge() const;

 private:
  struct Run;  // one running request
  struct Model {
    store::LibraryEntry entry;
    domain::ModelCard card;
  };
  [[nodiscard]] rt::Task<Result<Model>> find(std::string name);
  [[nodiscard]] rt::Task<Result<Run>> start(const http::Request& request, dialect::Call& call);
  [[nodiscard]] rt::Task<void> answer_whole(Run run, dialect::Call& call, const Face& face, std::string request_id,
                                            http::ResponseWriter& writer);
  [[nodiscard]] rt::Task<void> answer_stream(Run run, dialect::Call& call, const Face& face, std::string request_id,
                                             http::ResponseWriter& writer);

  store::Library& library_;
  rt::WorkThreads& work_;
  sched::ModelManager& manager_;
  Metrics& metrics_;
  const base::Clock& clock_;
  base::Log& log_;
  const GatewayOptions& options_;
};

// Reads the hearth-* request headers into the envelope. kInvalidRequest names the header.
[[nodiscard]] Result<void> apply_headers(const http::Headers& headers, domain::Envelope& envelope);
// With `hearth-strict: 1`: an error that names them, if there are any.
[[nodiscard]] Result<void> check_strict(const std::vector<std::string>& ignored);
// "a, b, c": at most 20 names.
[[nodiscard]] std::string ignored_header(const std::vector<std::string>& names);
[[nodiscard]] std::string request_id_of(const http::RequestHead& head);

}  // namespace hearth::gateway
