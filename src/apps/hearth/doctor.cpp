#include "apps/hearth/doctor.hpp"

#include <filesystem>
#include <fmt/format.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "apps/hearth/paths.hpp"
#include "base/files.hpp"
#include "json/writer.hpp"
#include "store/memory_estimate.hpp"

namespace hearth::apps {

namespace fs = std::filesystem;

namespace {

struct Check {
  std::string name;
  std::string status;  // ok, warning, failed
  std::string detail;
};

Check check_runner(const cli::Context& context) {
  const auto runner = runner_program(context.settings);
  if (::access(runner.c_str(), X_OK) == 0) return {"engine llama", "ok", runner.string()};
  return {"engine llama", "failed",
          fmt::format("no runner at {}; set HEARTH_BINARY_DIR or install again", runner.string())};
}

Check check_home(const cli::Context& context) {
  const auto probe = context.home.root / ".doctor";
  const auto written = base::write_file_atomically(probe, "x");
  std::error_code error;
  fs::remove(probe, error);
  if (!written) return {"home", "failed", written.error().message};
  const auto space = fs::space(context.home.root, error);
  return {"home", "ok", fmt::format("{} ({} free)", context.home.root.string(), base::human({space.available}))};
}

Check check_models(const cli::Context& context) {
  const store::Library library(context.home, *context.log);
  const auto entries = library.entries();
  const auto readable = library.list();
  if (!entries || !readable) return {"models", "failed", (entries ? readable.error() : entries.error()).message};
  const auto broken = entries->size() - std::min(readable->size(), entries->size());
  if (broken > 0)
    return {"models", "warning", fmt::format("{} installed, {} of them unreadable", entries->size(), broken)};
  return {"models", "ok", fmt::format("{} installed", entries->size())};
}

Check check_server(const cli::Context& context) {
  const auto client = context.client();
  if (!client) return {"server", "failed", client.error().message};
  const auto there = client->models();
  const std::string at = client->endpoint().describe();
  if (there) return {"server", "ok", fmt::format("hearth answers at {}", at)};
  if (there.error().code == ErrorCode::kUnavailable)
    return {"server", "ok", fmt::format("none at {} (commands start one)", at)};
  return {"server", "warning", there.error().message};
}

}  // namespace

int doctor(cli::Context& context) {
  const std::vector<Check> checks{
      {"version", "ok", HEARTH_VERSION},
      {"cpu", "ok", fmt::format("{} cores", std::thread::hardware_concurrency())},
      {"memory", "ok", fmt::format("{} available", base::human(store::available_memory()))},
      {"devices", "ok", "CPU"},
      check_runner(context),
      check_home(context),
      check_models(context),
      check_server(context),
  };
  bool failed = false;
  json::Writer w;
  w.begin_array();
  for (const auto& check : checks) {
    failed = failed || check.status == "failed";
    w.begin_object().field("name", check.name).field("status", check.status).field("detail", check.detail).end_object();
    if (!context.globals.json) fmt::print("{:<14} {:<8} {}\n", check.name, check.status, check.detail);
  }
  w.end_array();
  if (context.globals.json) fmt::print("{}\n", w.text());
  return failed ? cli::kExitFailed : cli::kExitOk;
}

}  // namespace hearth::apps
