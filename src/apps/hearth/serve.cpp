#include "apps/hearth/serve.hpp"

#include <csignal>
#include <fmt/format.h>
#include <sys/resource.h>

#include "apps/hearth/server.hpp"
#include "rt/race.hpp"
#include "rt/signals.hpp"
#include "sdk/client.hpp"

namespace hearth::apps {
namespace {

// Thousands of connections need thousands of descriptors: as many as this user may have.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

void print_banner(const Server& server, const store::Home& home, bool ember, bool needs_key) {
  fmt::print("hearth {} at {}\n", HEARTH_VERSION, server.url());
  if (ember)
    fmt::print(
        "try: curl {}/v1/chat/completions {}-d "
        "'{{\"model\":\"ember\",\"messages\":[{{\"role\":\"user\",\"content\":\"What is hearth?\"}}]}}'\n"
        "ember is a 3 MB demonstration that knows a few things about hearth and can be wrong; use your own GGUF file "
        "with: hearth "
        "import PATH\n",
        server.url(), needs_key ? "-H \"authorization: Bearer $HEARTH_API_KEY\" " : "");
  else
    fmt::print("models are in {}; add a GGUF file with: hearth import PATH\n", home.models.string());
  std::fflush(stdout);
}

// Who is at the address that we wanted.
int report_occupied(const config::Settings& settings, const Error& error) {
  fmt::print(stderr, "hearth: {}\n", error.message);
  const auto port = settings.integer("server.port");
  const sdk::Client client(http::Endpoint{.host = "127.0.0.1", .port = static_cast<std::uint16_t>(port)}, "");
  const auto there = client.models();
  const bool is_hearth = there.has_value() || there.error().code == ErrorCode::kUnauthorized;
  if (is_hearth)
    fmt::print(stderr, "a hearth server runs there already; it is left alone\n");
  else if (there.error().code == ErrorCode::kConflict)
    fmt::print(stderr, "what answers there is not hearth; it is left alone\n");
  fmt::print(stderr, "try: hearth serve --port {}\n", port + 1);
  return cli::kExitFailed;
}

rt::Task<void> until_end(Server& server) {
  rt::Signals signals(co_await rt::current_executor(), {SIGINT, SIGTERM});
  auto next = [](rt::Signals& s) -> rt::Task<void> { (void)co_await s.next(); };
  co_await rt::race(next(signals), server.wait());
}

}  // namespace

int serve(const config::Settings& settings, const store::Home& home, const cli::Globals& globals, base::Log& log) {
  raise_descriptor_limit();
  Server server(settings, home, log);
  if (const auto started = server.start(); !started) {
    server.stop();
    if (started.error().param == "server.monitor")
      return cli::report_with_remedy(started.error(), "hearth serve --monitor HOST:PORT, with another port");
    if (started.error().message.find("in use") != std::string::npos) return report_occupied(settings, started.error());
    return cli::report(started.error());
  }
  const store::Library library(home, log);
  if (!globals.quiet) print_banner(server, home, library.find("ember").has_value(), !settings.list("api_key").empty());
  rt::run_here(until_end(server));
  log.info("stopping");
  server.stop();
  return cli::kExitOk;
}

}  // namespace hearth::apps
