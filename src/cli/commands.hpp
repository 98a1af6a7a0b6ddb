#pragma once

#include <CLI/CLI.hpp>

#include "cli/parser.hpp"

// Each function adds its commands to the application; the chosen one sets `command.action`.
namespace hearth::cli {

void add_serve(CLI::App& app, Command& command);
void add_run(CLI::App& app, Command& command);
void add_chat(CLI::App& app, Command& command);
void add_models(CLI::App& app, Command& command);  // models …, list, ps, show, import, delete, copy, stop
void add_pull(CLI::App& app, CLI::App& models, Command& command);
void add_push(CLI::App& app, CLI::App& models, Command& command);
void add_catalog(CLI::App& app, CLI::App& models, Command& command);  // models catalog, search; list-models
void add_store(CLI::App& models, Command& command);                   // models verify, update, find, size
void add_cache(CLI::App& app, CLI::App& models, Command& command);    // cache …, models disk-usage
void add_login(CLI::App& app, Command& command);
void add_other(CLI::App& app, Command& command);  // embed, doctor, config, version

// Deletes models, here or there, and says each name; the exit code. What cannot be deleted is reported, and
// the others go.
[[nodiscard]] int delete_models(const Context& context, const std::vector<std::string>& refs);

// Adds a subcommand whose action is `run` with options of type Options, filled while parsing.
template <class Options, class Declare>
CLI::App* add_command(CLI::App& parent, Command& command, const std::string& name, const std::string& help,
                      Declare declare, int (*run)(Context&, const Options&)) {
  CLI::App* sub = parent.add_subcommand(name, help);
  auto options = std::make_shared<Options>();  // shared: lives as long as the parser's callback
  declare(*sub, *options);
  sub->callback([&command, options, run, name, sub] {
    if (!sub->get_subcommands().empty()) return;  // "models list" is not "models"
    command.name = name;
    command.action = [options, run](Context& context) { return run(context, *options); };
  });
  return sub;
}

}  // namespace hearth::cli
