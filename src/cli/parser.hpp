#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/context.hpp"

namespace CLI {
class App;
}

namespace hearth::cli {

// A command line, understood: what to do, with which settings.
struct Command {
  Globals globals;
  std::map<std::string, std::vector<std::string>> flags;  // settings given as flags, by key
  std::function<int(Context&)> action;
  std::string name;
};

// The outcome of parsing: a command, or text to print and an exit code (help, version, usage errors).
struct ParseOutcome {
  std::unique_ptr<Command> command;
  int exit_code = 0;
  std::string out;  // for stdout
  std::string err;  // for stderr
};

// `arguments` without the program's name.
[[nodiscard]] ParseOutcome parse_command_line(const std::vector<std::string>& arguments);

}  // namespace hearth::cli
