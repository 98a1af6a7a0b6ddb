#include <fmt/format.h>

#include "base/strings.hpp"
#include "cli/commands.hpp"
#include "cli/pull.hpp"

namespace hearth::cli {
namespace {

struct PullCommand {
  std::vector<std::string> refs;
  std::string folder;
};

Result<void> tell(const Context& context, const json::Value& pulled) {
  std::string name;
  std::string format;
  bool was_here = false;
  json::Report report;
  json::Item(pulled, "", report).object([&](json::Object& in) {
    name = in.required_text("name");
    in.text("format", format);
    in.boolean("up_to_date", was_here);
  });
  if (report.error) return fail(*report.error);
  if (context.globals.json || context.globals.quiet) return {};
  fmt::print("{} {}\n", name, was_here ? "is up to date" : "is here");
  if (!was_here && format == "gguf")
    fmt::print("try: hearth {} {}{}\n", name.starts_with('/') ? "import" : "run", base::shell_word(name),
               name.starts_with('/') ? "" : " \"Hello\"");
  return {};
}

int pull(Context& context, const PullCommand& options) {
  boost::json::array all;
  int code = kExitOk;
  for (const auto& reference : options.refs) {
    auto pulled = pull_model(context, reference, options.folder);
    if (pulled) {
      if (const auto told = tell(context, *pulled); !told) return report(told.error());
      all.push_back(*std::move(pulled));
      continue;
    }
    // One that cannot be had is no reason to leave out the others; Ctrl-C is.
    code = context.remote_asked() ? report(pulled.error()) : report_with_remedy(pulled.error(), "");
    if (pulled.error().code == ErrorCode::kCancelled) return code;
  }
  if (context.globals.json && !all.empty()) fmt::print("{}\n", json::to_text(all));
  return code;
}

void declare_pull(CLI::App& sub, PullCommand& o) {
  sub.add_option("REF", o.refs,
                 "a short name (hearth search), [hf:]ORG/NAME[@REVISION][:QUANTISATION] of the Hugging Face hub, "
                 "ollama:NAME[:TAG], s3://BUCKET/PREFIX[:QUANTISATION], or https://.../NAME.gguf")
      ->required();
  sub.add_option("--local-dir", o.folder, "folder for the files, instead of the model store")->type_name("DIR");
}

}  // namespace

void add_pull(CLI::App& app, CLI::App& models, Command& command) {
  add_command<PullCommand>(app, command, "pull", "fetch models, or go on where a fetch stopped", declare_pull, pull);
  add_command<PullCommand>(models, command, "download", "the same as pull", declare_pull, pull)->alias("pull");
}

}  // namespace hearth::cli
