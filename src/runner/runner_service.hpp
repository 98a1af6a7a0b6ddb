#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/guarded.hpp"
#include "engine/engine.hpp"
#include "http/service.hpp"
#include "rt/signal_flag.hpp"
#include "rt/work_threads.hpp"

namespace hearth::runner {

// What the runner's own routes answer, as native JSON.
[[nodiscard]] std::string write_info(const engine::ModelInfo& info);
[[nodiscard]] std::string write_stats(const engine::Stats& stats);

// The HTTP face of one engine, on a unix socket:
//   POST /hearth/v1/run    request -> NDJSON events; closing the connection cancels the work
//   GET  /hearth/v1/info   waits until the model is loaded; capabilities and measured memory, or the load error
//   GET  /hearth/v1/stats  NDJSON: counters ten times a second while something runs, and as a request begins or ends
// Handlers run on the I/O loop; the engine lives on its own thread.
class RunnerService final : public http::Service {
 public:
  // How long a stream of statistics waits for the next line.
  struct Pace {
    std::chrono::milliseconds apart{20};      // at least: short requests come by the thousand
    std::chrono::milliseconds working{100};   // where no request begins or ends
    std::chrono::milliseconds resting{1000};  // what goes on by itself, such as prefixes that are written down
  };
  // `work` parses, renders templates and tokenises, `slow` compiles schemas and grammars that are not known yet, which
  // may take seconds and must hold up nobody else. REQUIRES: both outlive the server.
  RunnerService(rt::WorkThreads& work, rt::WorkThreads& slow) : RunnerService(work, slow, Pace{}) {}
  RunnerService(rt::WorkThreads& work, rt::WorkThreads& slow, Pace pace) : work_(work), slow_(slow), pace_(pace) {}

  // Once, from any thread: the engine is there, or will never be. REQUIRES: the engine outlives the server.
  void set_engine(engine::Engine& engine);
  void set_failure(Error error);
  // From any thread: the streams of statistics, which have no end of their own, end.
  void end();

  [[nodiscard]] http::RoutePolicy policy(const http::RequestHead&) const override {
    return {.body_max = {256ULL << 20}};
  }
  [[nodiscard]] rt::Task<void> serve(http::Request request, http::ResponseWriter& writer) override;

 private:
  [[nodiscard]] rt::Task<Result<engine::Engine*>> loaded_engine();
  class Submission;
  [[nodiscard]] rt::Task<void> run(http::Request request, http::ResponseWriter& writer);
  [[nodiscard]] rt::Task<void> info(http::ResponseWriter& writer);
  [[nodiscard]] rt::Task<void> stats(http::ResponseWriter& writer);

  // What a request came to before the engine runs it: an answer that needs no step, or a ticket for its events.
  struct Begun;
  [[nodiscard]] rt::Task<Result<Begun>> begin(engine::Engine& engine, std::string_view body);
  [[nodiscard]] rt::Task<Result<engine::Ticket>> submit_slowly(engine::Engine& engine, const domain::Request& request,
                                                               std::shared_ptr<engine::Sink> sink);

  rt::WorkThreads& work_;
  rt::WorkThreads& slow_;
  const Pace pace_;
  using Compiling = std::map<std::string, std::size_t>;  // how many requests wait, by what is compiled
  base::Guarded<Compiling> compiling_;                   // the loops of a server are several
  rt::SignalFlag settled_;
  struct Outcome {
    engine::Engine* engine = nullptr;
    Error error;
  };
  base::Guarded<Outcome> outcome_;
  std::atomic<std::size_t> running_ = 0;
  rt::SignalFlag changed_;  // a request began or ended: the statistics are news
  rt::SignalFlag ending_;
};

}  // namespace hearth::runner
