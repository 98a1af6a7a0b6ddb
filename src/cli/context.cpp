#include "cli/context.hpp"

#include <fmt/format.h>

#include "sdk/server_process.hpp"

namespace hearth::cli {

Result<sdk::Client> Context::client() const {
  std::string url = globals.server;
  if (url.empty()) url = config::process_environment("HEARTH_SERVER").value_or("");
  if (url.empty()) {
    std::string host = settings.text("server.host");
    if (host == "0.0.0.0" || host == "::") host = "127.0.0.1";
    url = fmt::format("http://{}:{}", host.find(':') != std::string::npos ? "[" + host + "]" : host,
                      settings.integer("server.port"));
  }
  if (!url.contains("://")) url = "http://" + url;  // as OLLAMA_HOST is written
  HEARTH_TRY(auto endpoint, http::Endpoint::parse(url));
  const auto& keys = settings.list("api_key");
  return sdk::Client(std::move(endpoint), keys.empty() ? "" : keys.front());
}

Result<sdk::Client> Context::running_client() const {
  HEARTH_TRY(auto made, client());
  HEARTH_TRY(const bool started,
             sdk::ensure_server(made, {.program = program, .home = home, .config = globals.config}));
  if (started && !globals.quiet)
    fmt::print(stderr, "started a hearth server at {} (ends after 15 minutes without requests)\n",
               made.endpoint().describe());
  return made;
}

int report(const Error& error) {
  if (error.code == ErrorCode::kConflict && error.message.ends_with("is not hearth"))
    return report_with_remedy(error, "hearth serve --port 11435");
  if (error.code == ErrorCode::kTimeout && error.message.ends_with("does not answer"))
    return report_with_remedy(error, "hearth serve --port 11435");
  if (error.code == ErrorCode::kUnavailable) return report_with_remedy(error, "hearth serve");
  return report_with_remedy(error, "");
}

int report_with_remedy(const Error& error, std::string_view remedy) {
  fmt::print(stderr, "hearth: {}\n", error.message);
  if (!remedy.empty()) fmt::print(stderr, "try: {}\n", remedy);
  return error.code == ErrorCode::kCancelled ? kExitInterrupted : kExitFailed;
}

}  // namespace hearth::cli
