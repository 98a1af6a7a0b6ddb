#include "cli/parser.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <sstream>
#include <utility>

#include "base/strings.hpp"
#include "cli/commands.hpp"

namespace hearth::cli {
namespace {

void add_globals(CLI::App& app, Globals& globals) {
  app.add_option("--server", globals.server, "server to talk to (default http://127.0.0.1:11434)")->type_name("URL");
  app.add_option("--config", globals.config, "settings file (default ~/.config/hearth/config.yaml)")->type_name("F");
  app.add_flag("--json", globals.json, "machine output on every listing");
  app.add_flag("-q,--quiet", globals.quiet, "say less");
  app.add_flag("-v,--verbose", globals.verbose, "say more");
  app.add_flag("--no-color", globals.no_color, "no colours");
}

// The command that the words have come to: "hearth models list".
std::string command_so_far(const CLI::App& app) {
  std::string out = app.get_name();
  for (const CLI::App* at = &app; !at->get_subcommands().empty(); out += " " + at->get_name())
    at = at->get_subcommands().front();
  return out;
}

// What was meant by a word that is no command: the same word below `models`, or a similar one; or nothing.
std::string meant_by(const CLI::App& app, const std::string& word) {
  constexpr std::size_t kDistanceMax = 2;
  const auto commands = [](const CLI::App& of) { return of.get_subcommands([](const CLI::App*) { return true; }); };
  std::string out;
  std::size_t least = std::min(kDistanceMax, word.size() / 2) + 1;
  for (const auto* command : commands(app)) {
    for (const auto* below : commands(*command)) {
      if (below->check_name(word)) return fmt::format("hearth {} {}", command->get_name(), below->get_name());
    }
    if (const auto far = base::edit_distance(word, command->get_name()); far < least) {
      least = far;
      out = "hearth " + command->get_name();
    }
  }
  return out;
}

// What is wrong with the words, in one line, and what to try.
std::string complaint(const CLI::App& app, const CLI::ParseError& error) {
  const auto words = app.remaining();
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr && app.get_subcommands().empty() && !words.empty() &&
      !words.front().starts_with('-')) {
    const auto meant = meant_by(app, words.front());
    return fmt::format("hearth: there is no command '{}'\ntry: {}\n", words.front(),
                       meant.empty() ? "hearth --help" : meant);
  }
  return fmt::format("hearth: {}\ntry: {} --help\n", error.what(), command_so_far(app));
}

}  // namespace

void add_serve(CLI::App& app, Command& command) {
  CLI::App* serve = app.add_subcommand("serve", "run the server in the foreground");
  for (const auto& setting : config::all_settings()) {
    if (setting.flag.empty()) continue;
    auto& texts = command.flags[std::string(setting.key)];
    const std::string flag(setting.flag);
    const std::string help = fmt::format("{} [{}]", setting.help, setting.variable());
    if (setting.kind == config::Kind::kFlag) {
      serve->add_flag_callback(flag, [&texts] { texts = {"true"}; }, help);
    } else {
      auto* option = serve->add_option(flag, texts, help)->type_name(std::string(setting.metavar));
      if (setting.kind == config::Kind::kList)
        option->take_all()->expected(1)->allow_extra_args(false);
      else
        option->expected(1);
    }
  }
  serve->callback([&command] {
    command.name = "serve";
    command.action = [](Context& context) { return context.serve(context.settings); };
  });
}

ParseOutcome parse_command_line(const std::vector<std::string>& arguments) {
  ParseOutcome outcome;
  auto command = std::make_unique<Command>();
  CLI::App app("Your own AI model service: one program, every dialect.", "hearth");
  app.set_version_flag("--version", "hearth " HEARTH_VERSION);
  app.require_subcommand(0, 1);
  app.fallthrough();
  add_globals(app, command->globals);
  add_serve(app, *command);
  add_run(app, *command);
  add_chat(app, *command);
  add_models(app, *command);
  add_login(app, *command);
  add_other(app, *command);
  app.get_formatter()->column_width(34);
  try {
    // CLI11 takes the words from the back.
    std::vector<std::string> words(arguments.rbegin(), arguments.rend());
    if (!words.empty() && words.back() == "help") {  // "help run" is "run --help"
      words.pop_back();
      words.insert(words.begin(), "--help");
    }
    app.parse(words);
  } catch (const CLI::ParseError& error) {
    std::ostringstream out;
    std::ostringstream err;
    const int code = app.exit(error, out, err);
    outcome.out = out.str();
    outcome.exit_code = code == 0 ? kExitOk : kExitUsage;
    if (code != 0) outcome.err = complaint(app, error);
    return outcome;
  }
  if (!command->action) {
    outcome.out = app.help();
    outcome.exit_code = kExitUsage;
    return outcome;
  }
  std::erase_if(command->flags, [](const auto& flag) { return flag.second.empty(); });
  outcome.command = std::move(command);
  return outcome;
}

}  // namespace hearth::cli
