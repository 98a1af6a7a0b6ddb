// hearth-runner: one process that owns one loaded model and serves it on a unix socket to the gateway that started it.
#include <CLI/CLI.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <cstdlib>
#include <fmt/format.h>
#include <memory>
#include <string_view>
#include <thread>
#include <unistd.h>

#include "apps/runner/quantize.hpp"
#include "base/clock.hpp"
#include "base/spd_log.hpp"
#include "engine/core/token_engine.hpp"
#include "engine/llama/llama_model.hpp"
#include "engine/llama/process.hpp"
#include "http/server.hpp"
#include "rt/io_threads.hpp"
#include "rt/race.hpp"
#include "rt/signals.hpp"
#include "rt/this_thread.hpp"
#include "runner/engine_thread.hpp"
#include "runner/runner_service.hpp"

namespace {

using namespace hearth;

struct Arguments {
  engine::llama::LlamaOptions model;
  engine::core::TokenEngineOptions engine;
  std::string socket;
  int nice = 0;
  bool debug = false;
};

// Loads the model off the I/O loop and keeps the engine running until told to stop.
class Worker {
 public:
  Worker(const Arguments& arguments, runner::RunnerService& service, const base::Clock& clock, base::Log& log)
      : thread_([&](const std::stop_token& stop) { work(arguments, service, clock, log, stop); }) {}

  // Ends all work with an event that says so. Does not wait for it.
  void request_stop() { thread_.request_stop(); }

  // Until the model has failed for good.
  [[nodiscard]] rt::Task<void> failed() { co_await failed_.wait(); }

 private:
  void work(const Arguments& arguments, runner::RunnerService& service, const base::Clock& clock, base::Log& log,
            const std::stop_token& stop) {
    rt::this_thread::compute("hearth-engine", arguments.nice);
    auto options = arguments.model;
    options.stop = stop;
    auto model = engine::llama::load_llama_model(std::move(options), log);
    if (!model) {
      log.error("{}", model.error().message);
      return service.set_failure(std::move(model).error());
    }
    auto engine_options = arguments.engine;
    engine_options.threads = arguments.model.threads > 0 ? arguments.model.threads : engine::llama::usable_cores();
    engine_ = engine::core::make_token_engine(*std::move(model), engine_options, clock, log);
    service.set_engine(*engine_);
    runner::drive(*engine_, stop);
    if (engine_->failed()) failed_.set();
  }

  rt::SignalFlag failed_;
  std::unique_ptr<engine::Engine> engine_;  // outlives the server, which ends before this object
  std::jthread thread_;
};

// EOF on the pipe from the gateway: it is gone, whatever its threads were.
rt::Task<void> parent_gone() {
  const char* text = std::getenv("HEARTH_PARENT_FD");
  const auto executor = co_await rt::current_executor();
  boost::asio::posix::stream_descriptor pipe(executor);
  if (text == nullptr) {
    co_await rt::sleep_for(std::chrono::hours(24 * 365));
    co_return;
  }
  pipe.assign(std::atoi(text));
  char byte = 0;
  boost::system::error_code error;
  co_await pipe.async_read_some(boost::asio::buffer(&byte, 1),
                                boost::asio::redirect_error(boost::asio::use_awaitable, error));
}

// How far compiling stands back behind the engine, whose threads wait for each other in each operation. Longest gap of
// four streams while seconds are compiled: beside it 2.4 s, 5 behind it 0.3 s; what compiles in 0.1 s alone takes 0.3.
constexpr int kBehindEngine = 5;

rt::Task<void> run(const Arguments& arguments, rt::IoThreads& threads, base::Log& log, int& exit_code) {
  const base::SystemClock clock;
  rt::WorkThreads work(2, "hearth-work");
  rt::WorkThreads slow(2, "hearth-compile", arguments.nice + kBehindEngine);
  runner::RunnerService service(work, slow);
  Worker worker(arguments, service, clock, log);
  http::Limits limits;
  limits.idle_timeout = std::chrono::hours(24);  // the gateway keeps its connections
  limits.header_timeout = std::chrono::minutes(10);
  limits.write_timeout = std::chrono::hours(24);  // a slow reader is the gateway's business
  http::Server server(threads, service, limits, log);
  if (auto listening = server.listen({.unix_path = arguments.socket}); !listening) {
    log.error("{}", listening.error().message);
    exit_code = 1;
    co_return;
  }
  rt::Signals signals(co_await rt::current_executor(), {SIGTERM, SIGINT});
  auto next = [](rt::Signals& s) -> rt::Task<void> { (void)co_await s.next(); };
  auto told = [](rt::Task<void> a, rt::Task<void> b) -> rt::Task<void> {
    co_await rt::race(std::move(a), std::move(b));
  };
  const auto why = co_await rt::race(told(next(signals), parent_gone()), worker.failed());
  const bool failed = why.index() == 1;  // the next request starts a new process
  if (failed) exit_code = 1;
  worker.request_stop();
  service.end();
  co_await server.stop(std::chrono::seconds(failed ? 5 : 2));
}

// Chosen: a pace that reads well, and up to a second where a slow machine would only crawl with less. Who says a time
// gets it, whatever long prompts then take.
void set_step_time(engine::core::TokenEngineOptions& options, std::int32_t step_ms) {
  using std::chrono::milliseconds;
  constexpr milliseconds kChosen{150};
  constexpr milliseconds kChosenLimit{1000};
  if (step_ms < 0) return;
  options.step_time = step_ms == 0 ? kChosen : milliseconds(step_ms);
  options.step_limit = step_ms == 0 ? kChosenLimit : milliseconds(step_ms) * 11 / 10;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "quantize") return apps::quantize(argc - 1, argv + 1);
  Arguments arguments;
  auto& model = arguments.model;
  CLI::App app("Serves one model on a unix socket. Started by hearth; not meant to be used by hand.", "hearth-runner");
  app.add_option("--model", model.path, "GGUF file")->required();
  app.add_option("--name", model.name, "id of the model");
  app.add_option("--socket", arguments.socket, "unix socket to listen on")->required();
  app.add_option("--ctx", model.context_tokens, "tokens per conversation; 0 = trained, at most 8192");
  app.add_option("--parallel", model.parallel, "sequences at once");
  app.add_option("--queue", arguments.engine.queue, "requests that may wait");
  app.add_option("--threads", model.threads, "compute threads; 0 = all cores");
  app.add_option("--nice", arguments.nice, "how far computing stands back for answering");
  app.add_option("--batch", model.batch_tokens, "token budget of one step");
  std::int32_t step_ms = 0;
  app.add_option("--step-ms", step_ms, "how long a step should take while answers stream; 0 = chosen, -1 = no bound");
  auto& prefixes = arguments.engine.prefix_cache;
  app.add_option("--prefix-memory", prefixes.memory.count, "bytes for prefixes outside the KV cache; 0 = none");
  app.add_option("--prefix-folder", prefixes.folder, "where they go when that is full; empty: nowhere");
  app.add_option("--prefix-disk", prefixes.disk.count, "bytes of all of them in that folder");
  app.add_flag("--context-shift", arguments.engine.context_shift, "a full context loses its older half");
  app.add_flag("--debug", arguments.debug, "log at DEBUG");
  CLI11_PARSE(app, argc, argv);
  arguments.engine.parallel = model.parallel;
  arguments.engine.step_tokens = model.batch_tokens;
  set_step_time(arguments.engine, step_ms);

  const auto log = base::make_stderr_log(arguments.debug ? base::LogLevel::kDebug : base::LogLevel::kInfo);
  std::signal(SIGPIPE, SIG_IGN);
  rt::IoThreads threads(1);
  int exit_code = 0;
  rt::run_here([](const Arguments& a, rt::IoThreads& t, base::Log& l, int& code) -> rt::Task<void> {
    co_await run(a, t, l, code);
  }(arguments, threads, *log, exit_code));
  return exit_code;
}
