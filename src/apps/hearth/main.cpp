// hearth: the command line and the server. Everything is constructed here and passed in by hand.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fmt/format.h>
#include <string>
#include <system_error>
#include <vector>

#include "apps/hearth/doctor.hpp"
#include "apps/hearth/paths.hpp"
#include "apps/hearth/serve.hpp"
#include "base/files.hpp"
#include "base/spd_log.hpp"
#include "base/strings.hpp"
#include "cli/parser.hpp"
#include "sdk/home.hpp"

namespace {

using namespace hearth;

base::LogLevel level_of(std::string_view text, bool verbose) {
  if (verbose || base::equals_ignore_case(text, "DEBUG")) return base::LogLevel::kDebug;
  if (base::equals_ignore_case(text, "WARN")) return base::LogLevel::kWarn;
  if (base::equals_ignore_case(text, "ERROR")) return base::LogLevel::kError;
  return base::LogLevel::kInfo;
}

int run(const std::vector<std::string>& arguments) {
  auto parsed = cli::parse_command_line(arguments);
  if (!parsed.command) {
    fmt::print("{}", parsed.out);
    fmt::print(stderr, "{}", parsed.err);
    return parsed.exit_code;
  }
  const auto& command = *parsed.command;
  const bool named = !command.globals.config.empty();
  auto settings = config::Settings::load(
      {.file = named ? std::filesystem::path(command.globals.config) : config::default_config_file(),
       .file_required = named,
       .environment = config::process_environment,
       .flags = command.flags});
  if (!settings) {
    fmt::print(stderr, "hearth: {}\n", settings.error().message);
    return cli::kExitUsage;
  }
  const bool serving = command.name == "serve";
  const auto log = base::make_stderr_log(
      serving ? level_of(settings->text("log.level"), command.globals.verbose) : base::LogLevel::kWarn,
      !command.globals.no_color);
  cli::Context context{.globals = command.globals, .settings = *std::move(settings)};
  context.home = sdk::home_of(context.settings);
  context.program = apps::this_program();
  context.log = log.get();
  context.serve = [&](const config::Settings& s) { return apps::serve(s, context.home, context.globals, *log); };
  context.doctor = [](cli::Context& c) { return apps::doctor(c); };
  return command.action(context);
}

// Output that nobody reads any more is no reason to complain; a full disk is.
int output_failed(int reason) {
  if (reason != EPIPE) std::fprintf(stderr, "hearth: cannot write the output: %s\n", base::errno_text(reason).c_str());
  return cli::kExitFailed;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  try {
    const int code = run({argv + 1, argv + argc});
    errno = 0;
    if (std::fflush(stdout) != 0) return output_failed(errno);
    return std::ferror(stdout) == 0 ? code : output_failed(EIO);  // some was lost before
  } catch (const std::system_error& error) {                      // of fmt
    return output_failed(error.code().value());
  }
}
