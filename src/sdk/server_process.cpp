#include "sdk/server_process.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include "base/files.hpp"
#include "rt/io_threads.hpp"
#include "rt/race.hpp"
#include "rt/subprocess.hpp"
#include "store/file_lock.hpp"

namespace hearth::sdk {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

bool is_loopback(const std::string& host) { return host == "127.0.0.1" || host == "localhost" || host == "::1"; }

// Starts the server and waits until it answers, or ends.
rt::Task<Result<void>> start(const Client& client, const AutoStart& options) {
  const auto executor = co_await rt::current_executor();
  const fs::path log = options.home.logs() / "server.log";
  std::error_code error;
  fs::create_directories(options.home.logs(), error);
  const auto& at = client.endpoint();
  rt::SubprocessOptions child;
  child.program = options.program;
  child.arguments = {"serve",
                     "--host",
                     at.host == "localhost" ? "127.0.0.1" : at.host,
                     "--port",
                     std::to_string(at.port),
                     "--idle-exit",
                     fmt::format("{}s", options.idle_exit.count())};
  if (!options.config.empty()) child.arguments.insert(child.arguments.end(), {"--config", options.config});
  child.output = log;
  child.die_with_parent = false;
  child.new_session = true;
  auto process = rt::Subprocess::spawn(executor, child);
  if (!process) co_return std::unexpected(std::move(process).error());
  const auto pid = process->pid();
  HEARTH_CO_CHECK(base::write_file_atomically(options.home.state() / "server.pid", fmt::format("{}\n", pid)));
  const auto until = base::Deadline::after(options.ready_timeout);
  http::Client probe(executor, at);
  while (!until.passed(std::chrono::steady_clock::now())) {
    http::Request request;
    request.target = request.path = "/ready";
    const auto ready = co_await probe.fetch(std::move(request), base::Deadline::after(1s));
    if (ready && ready->status == 200) {
      process->detach();
      co_return Result<void>{};
    }
    const auto ended = co_await rt::with_deadline(process->wait(), base::Deadline::after(10ms));
    if (ended)
      co_return fail(ErrorCode::kUnavailable, fmt::format("the server that was started ended with {}; its log is {}",
                                                          ended->describe(), log.string()));
  }
  co_return fail(ErrorCode::kTimeout,
                 fmt::format("the server that was started does not answer; its log is {}", log.string()));
}

}  // namespace

Result<bool> ensure_server(const Client& client, const AutoStart& options) {
  auto there = client.models();
  if (there) return false;
  const auto& at = client.endpoint();
  if (there.error().code != ErrorCode::kUnavailable || !at.unix_path.empty() || at.tls || !is_loopback(at.host))
    return std::unexpected(std::move(there).error());
  HEARTH_TRY(const auto lock, store::FileLock::take(options.home.state() / fmt::format("server-{}.lock", at.port)));
  there = client.models();  // another process may have started it meanwhile
  if (there) return false;
  Result<void> started;
  rt::run_here([](const Client& c, const AutoStart& o, Result<void>& result) -> rt::Task<void> {
    result = co_await start(c, o);
  }(client, options, started));
  if (!started) return std::unexpected(std::move(started).error());
  return true;
}

}  // namespace hearth::sdk
