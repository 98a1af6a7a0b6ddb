#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/generate.hpp"
#include "json/writer.hpp"

namespace hearth::cli {
namespace {

struct NoOptions {};
struct EmbedOptions {
  std::string model;
  std::vector<std::string> texts;
};
struct ConfigOptions {
  std::string key;
};

int embed(Context& context, const EmbedOptions& options) {
  const auto model = resolve_model(context, options.model);
  if (!model) return report(model.error());
  const auto client = context.running_client();
  if (!client) return report(client.error());
  domain::EmbedRequest request;
  request.envelope.model = *model;
  for (const auto& text : options.texts) request.inputs.emplace_back(text);
  json::Writer w;
  w.begin_array();
  const auto done = client->run(request, [&](const domain::Event& event) {
    if (const auto* vector = std::get_if<domain::Embedded>(&event)) w.array(vector->values);
  });
  if (!done) return report(done.error());
  w.end_array();
  fmt::print("{}\n", w.text());
  return kExitOk;
}

// What is in effect, also where the default depends on the machine.
std::string effective(const Context& context, std::string_view key) {
  if (key == "home") return context.home.root.string();
  if (key == "cache.dir") return context.home.models.string();
  return context.settings.display(key);
}

int show_config(Context& context, const ConfigOptions& options) {
  if (!options.key.empty() && config::find_setting(options.key) == nullptr)
    return report_with_remedy(
        Error{.code = ErrorCode::kInvalidRequest, .message = fmt::format("no setting '{}'", options.key)},
        "hearth config");
  json::Writer w;
  w.begin_array();
  for (const auto& setting : config::all_settings()) {
    if (!options.key.empty() && setting.key != options.key) continue;
    const auto value = effective(context, setting.key);
    const auto source = config::to_string(context.settings.source(setting.key));
    if (context.globals.json) {
      w.begin_object().field("key", setting.key).field("value", value).field("source", source);
      w.field("variable", setting.variable()).field("flag", setting.flag).field("help", setting.help).end_object();
    } else if (!options.key.empty()) {
      fmt::print("{}\n", value);
    } else {
      fmt::print("{:<24} {:<16} {:<12} {}\n", setting.key, value.empty() ? "-" : value, source, setting.help);
    }
  }
  w.end_array();
  if (context.globals.json) fmt::print("{}\n", w.text());
  return kExitOk;
}

int version(Context& context, const NoOptions&) {
  if (context.globals.json)
    fmt::print("{{\"version\":\"{}\"}}\n", HEARTH_VERSION);
  else
    fmt::print("hearth {}\n", HEARTH_VERSION);
  return kExitOk;
}

int doctor(Context& context, const NoOptions&) { return context.doctor(context); }

void declare_nothing(CLI::App&, NoOptions&) {}

}  // namespace

void add_other(CLI::App& app, Command& command) {
  add_command<EmbedOptions>(
      app, command, "embed", "embedding vectors of texts, as JSON",
      [](CLI::App& sub, EmbedOptions& o) {
        sub.add_option("MODEL", o.model, "model id, or the path of a GGUF file")->required();
        sub.add_option("TEXT", o.texts, "texts")->required();
      },
      embed);
  add_command<NoOptions>(app, command, "doctor", "what this machine and installation can do", declare_nothing, doctor);
  add_command<ConfigOptions>(
      app, command, "config", "effective settings and where they come from",
      [](CLI::App& sub, ConfigOptions& o) { sub.add_option("KEY", o.key, "one setting"); }, show_config);
  add_command<NoOptions>(app, command, "version", "this program's version", declare_nothing, version);
}

}  // namespace hearth::cli
