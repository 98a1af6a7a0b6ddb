#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/pull.hpp"

namespace hearth::cli {
namespace {

struct PullCommand {
  std::vector<std::string> refs;
};

int pull(Context& context, const PullCommand& options) {
  boost::json::array all;
  for (const auto& reference : options.refs) {
    auto pulled = pull_model(context, reference);
    if (!pulled) return report(pulled.error());
    const auto& result = pulled->get_object();
    if (!context.globals.json && !context.globals.quiet) {
      const std::string name(result.at("name").as_string());
      const bool was_here = result.at("up_to_date").as_bool();
      fmt::print("{} {}\n", name, was_here ? "is up to date" : "is here");
      if (!was_here && result.at("format") == "gguf") fmt::print("try: hearth run {} \"Hello\"\n", name);
    }
    all.push_back(*std::move(pulled));
  }
  if (context.globals.json) fmt::print("{}\n", json::to_text(all));
  return kExitOk;
}

void declare_pull(CLI::App& sub, PullCommand& o) {
  sub.add_option("REF", o.refs,
                 "ORG/NAME or hf:ORG/NAME[@REVISION][:QUANTISATION] of the Hugging Face hub, or https://.../NAME.gguf")
      ->required();
}

}  // namespace

void add_pull(CLI::App& app, CLI::App& models, Command& command) {
  add_command<PullCommand>(app, command, "pull", "fetch models, or go on where a fetch stopped", declare_pull, pull);
  add_command<PullCommand>(models, command, "download", "the same as pull", declare_pull, pull);
}

}  // namespace hearth::cli
