#include <filesystem>
#include <fmt/format.h>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/strings.hpp"
#include "cli/commands.hpp"
#include "cli/generate.hpp"
#include "cli/model_source.hpp"
#include "cli/terminal.hpp"
#include "http/message.hpp"
#include "json/writer.hpp"
#include "store/catalog.hpp"
#include "store/modelfile.hpp"
#include "store/reference.hpp"

namespace hearth::cli {
namespace {

struct NoOptions {};
struct ListOptions {
  bool all = false;
};
struct RefOptions {
  std::string ref;
};
struct RefsOptions {
  std::vector<std::string> refs;
};
struct ImportOptions {
  std::string path;
  std::string name;
};
struct CreateOptions {
  std::string name;
  std::string file = "Modelfile";
  std::string quantize;
};
struct CopyOptions {
  std::string from;
  std::string to;
};

std::string text_of(const json::Value& object, std::string_view key) {
  const auto* value = object.is_object() ? object.get_object().if_contains(key) : nullptr;
  if (value == nullptr || value->is_null()) return "-";
  if (value->is_string()) return std::string(value->get_string());
  return json::to_text(*value);
}

std::uint64_t number_of(const json::Value& object, std::string_view key) {
  const auto* value = object.is_object() ? object.get_object().if_contains(key) : nullptr;
  return value != nullptr && value->is_number() ? value->to_number<std::uint64_t>() : 0;
}

std::string count_text(std::uint64_t n) {
  if (n == 0) return "-";
  if (n >= 1'000'000'000) return fmt::format("{:.1f}B", static_cast<double>(n) / 1e9);
  if (n >= 1'000'000) return fmt::format("{:.1f}M", static_cast<double>(n) / 1e6);
  return fmt::format("{}K", n / 1000);
}

int list_models(Context& context, const ListOptions& options) {
  const auto text = ModelSource(context).list(options.all);
  if (!text) return report(text.error());
  if (context.globals.json) {
    std::fwrite(text->data(), 1, text->size(), stdout);  // it can be long; fmt would copy it
    std::fputc('\n', stdout);
    return kExitOk;
  }
  const auto models = json::parse(*text);
  if (!models) return report(models.error());
  std::vector<std::string> head{"NAME", "SIZE", "PARAMS", "QUANT", "CONTEXT", "TASK"};
  if (options.all) head.emplace_back("SOURCE");
  std::vector<std::vector<std::string>> rows;
  for (const auto& m : models->get_array()) {
    rows.push_back({text_of(m, "name"), base::human({number_of(m, "size")}), count_text(number_of(m, "parameters")),
                    text_of(m, "quantization"), text_of(m, "context"), text_of(m, "task")});
    if (options.all) rows.back().push_back(text_of(m, "origin"));
  }
  if (rows.empty())
    fmt::print(stderr, "no models yet; add a GGUF file with: hearth import PATH\n");
  else
    print_table(head, rows, {1, 2, 4});
  return kExitOk;
}

// The beginning of a text that can be long.
std::string summary(std::string_view text) {
  constexpr std::size_t kShown = 60;
  const auto line = text.substr(0, text.find('\n'));
  const auto shown = line.substr(0, base::complete_utf8_prefix(line.substr(0, kShown)));
  const std::string safe = base::one_line(shown);
  return shown.size() == text.size() ? safe : safe + " ... (--json shows it all)";
}

// What requests to a model start from, where it has settings of its own.
void print_settings(const json::Value& info) {
  const auto& settings = info.get_object().at("settings").get_object();
  if (settings.empty()) return;
  fmt::print("settings\n");
  const auto row = [](std::string_view name, const std::string& value) { fmt::print("  {:<18}{}\n", name, value); };
  for (const auto& [key, value] : settings) {
    if (value.is_object()) {
      for (const auto& [name, parameter] : value.get_object()) row(std::string(name), json::to_text(parameter));
    } else if (value.is_array()) {
      row(std::string(key), fmt::format("{} (--json shows them)", value.get_array().size()));
    } else {
      row(std::string(key), summary(value.get_string()));
    }
  }
}

int show_model(Context& context, const RefOptions& options) {
  const auto info = ModelSource(context).info(options.ref);
  if (!info) return report(info.error());
  if (context.globals.json) {
    fmt::print("{}\n", json::to_text(*info));
    return kExitOk;
  }
  for (const auto* key : {"name", "path", "origin", "format", "architecture", "parameters", "quantization", "size",
                          "context", "task", "license", "modified_at", "digest"})
    fmt::print("{:<15}{}\n", key,
               std::string(key) == "size" ? base::human({number_of(*info, key)}) : text_of(*info, key));
  for (const auto* key : {"source", "revision", "pull_reference"}) {
    if (const auto text = text_in(*info, key); !text.empty()) fmt::print("{:<15}{}\n", key, text);
  }
  print_settings(*info);
  if (context.globals.verbose) {
    for (const auto& [key, value] : info->get_object().at("metadata").get_object())
      fmt::print("  {} = {}\n", std::string(key), json::to_text(value));
  }
  return kExitOk;
}

// A name of the catalogue means what is here, where something of that name is.
void tell_shadowed(const Context& context, const std::string& name) {
  if (context.globals.quiet || name.empty()) return;
  const auto catalog = store::Catalog::load(context.home.catalogs());
  if (!catalog || !catalog->find(name)) return;
  fmt::print(stderr, "{} is a name of the catalogue too; from now on it means this file (another: --name NAME)\n",
             name);
}

int import_model(Context& context, const ImportOptions& options) {
  const auto model = ModelSource(context).import(options.path, options.name);
  if (!model) return report(model.error());
  tell_shadowed(context, options.name);
  if (context.globals.json)
    fmt::print("{}\n", json::to_text(*model));
  else if (!context.globals.quiet)
    fmt::print("imported {} ({}, {}); it stays in {}\ntry: hearth run {} \"Hello\"\n", text_of(*model, "name"),
               base::human({number_of(*model, "size")}), text_of(*model, "quantization"), text_of(*model, "path"),
               base::shell_word(text_of(*model, "name")));
  return kExitOk;
}

int delete_named(Context& context, const RefsOptions& options) { return delete_models(context, options.refs); }

int copy_model(Context& context, const CopyOptions& options) {
  if (const auto done = ModelSource(context).copy(options.from, options.to); !done) return report(done.error());
  if (context.globals.json) {
    json::Writer w;
    w.begin_object().field("name", options.to).field("from", options.from).end_object();
    fmt::print("{}\n", w.text());
  } else if (!context.globals.quiet) {
    fmt::print("copied {} to {}\n", options.from, options.to);
  }
  return kExitOk;
}

// A FROM that is a file is relative to the Modelfile's folder; anything else names a model.
std::string base_of(const std::string& from, const std::filesystem::path& modelfile) {
  const auto path = modelfile.parent_path() / base::expand_user(from);
  const bool looks_so = from.starts_with('.') || from.starts_with('/') || from.starts_with('~');
  std::error_code error;
  return looks_so || std::filesystem::exists(path, error) ? std::filesystem::absolute(path, error).string() : from;
}

int create_model(Context& context, const CreateOptions& options) {
  const std::filesystem::path file = base::expand_user(options.file);
  const auto text = options.file == "-" ? read_all_stdin() : base::read_file(file);
  if (!text) return report(text.error());
  const auto parsed = store::Modelfile::parse(*text);
  if (!parsed) return report(parsed.error());
  if (const auto name = store::parse_new_name(options.name); !name) return report(name.error());
  auto from = base_of(parsed->from, file);
  if (!from.starts_with('/')) {
    auto name = here_or_pulled(context, from);
    if (!name) return report_with_remedy(name.error(), "");
    from = *std::move(name);
  }
  const ModelSource models(context);
  const auto made = options.quantize.empty()
                        ? models.create(options.name, from, parsed->settings)
                        : models.create_quantized(options.name, from, parsed->settings, options.quantize);
  if (!made) return report(made.error());
  if (context.globals.json) {
    json::Writer w;
    w.begin_object().field("name", options.name).key("without_effect").begin_array();
    for (const auto& line : parsed->without_effect) w.value(line);
    w.end_array().end_object();
    fmt::print("{}\n", w.text());
  }
  if (context.globals.quiet || context.globals.json) return kExitOk;
  for (const auto& line : parsed->without_effect) fmt::print(stderr, "without effect: {}\n", line);
  fmt::print("created {}\ntry: hearth run {} \"Hello\"\n", options.name, base::shell_word(options.name));
  return kExitOk;
}

std::string expiry_text(const json::Value& model) {
  const std::string at = text_of(model, "expires_at");
  return at == "-" ? (number_of(model, "busy") > 0 ? "in use" : "never") : at.substr(0, 19) + "Z";
}

int show_loaded(Context& context, const NoOptions&) {
  const auto client = context.client();
  if (!client) return report(client.error());
  const auto text = client->models();
  if (!text) return report(text.error());
  auto value = json::parse(*text);
  if (!value) return report(value.error());
  const auto& loaded = value->get_object()["loaded"];
  if (context.globals.json) {
    fmt::print("{}\n", json::to_text(loaded));
    return kExitOk;
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& m : loaded.get_array())
    rows.push_back({text_of(m, "name"), text_of(m, "state"), text_of(m, "device"), base::human({number_of(m, "size")}),
                    text_of(m, "context"), fmt::format("{}/{}", text_of(m, "busy"), text_of(m, "slots")),
                    expiry_text(m)});
  if (rows.empty())
    fmt::print(stderr, "no model is loaded\n");
  else
    print_table({"NAME", "STATE", "DEVICE", "MEMORY", "CONTEXT", "SLOTS", "EXPIRES"}, rows, {3, 4});
  return kExitOk;
}

int stop(Context& context, const RefOptions& options) {
  const auto client = context.client();
  if (!client) return report(client.error());
  const auto there = client->models();  // never touches a foreign server
  if (!there) return report(there.error());
  const auto done = options.ref.empty()
                        ? client->post("/hearth/v1/shutdown", "{}")
                        : client->post("/hearth/v1/models/" + http::percent_encode(options.ref) + "/unload", "{}");
  if (!done) return report(done.error());
  if (context.globals.json)
    fmt::print("{}\n", *done);
  else if (!context.globals.quiet)
    fmt::print("{}\n", options.ref.empty() ? "stopping the server at " + client->endpoint().describe()
                                           : "unloaded " + options.ref);
  return kExitOk;
}

void declare_ref(CLI::App& sub, RefOptions& o) { sub.add_option("MODEL", o.ref, "model id")->required(); }
void declare_refs(CLI::App& sub, RefsOptions& o) { sub.add_option("MODEL", o.refs, "model ids")->required(); }
void declare_nothing(CLI::App&, NoOptions&) {}
void declare_list(CLI::App& sub, ListOptions& o) {
  sub.add_flag("--all", o.all, "those that other programs have here too (Hugging Face hub, Ollama, LM Studio)");
}
void declare_import(CLI::App& sub, ImportOptions& o) {
  sub.add_option("PATH", o.path, "a GGUF file, or a folder with one; it stays where it is")->required();
  sub.add_option("--name", o.name, "id to give it (default: from the file name)")->type_name("N");
}

}  // namespace

int delete_models(const Context& context, const std::vector<std::string>& refs) {
  json::Writer w;
  w.begin_object().key("deleted").begin_array();
  int code = kExitOk;
  for (const auto& ref : refs) {
    if (const auto done = ModelSource(context).remove(ref); !done) {
      code = report(done.error());
      continue;
    }
    w.value(ref);
    if (!context.globals.quiet && !context.globals.json) fmt::print("deleted {}\n", ref);
  }
  w.end_array().end_object();
  if (context.globals.json) fmt::print("{}\n", w.text());
  return code;
}

void add_models(CLI::App& app, Command& command) {
  CLI::App* models = add_command<NoOptions>(app, command, "models", "models that are loaded now; or manage them",
                                            declare_nothing, show_loaded);
  models->require_subcommand(0, 1);
  models->fallthrough();
  const std::string list_help = "models that are installed";
  const std::string info_help = "what is known of a model";
  const std::string import_help = "use a GGUF file where it lies";
  const std::string delete_help = "remove a model (an imported file itself is never touched)";
  add_command<ListOptions>(*models, command, "list", list_help, declare_list, list_models)->alias("ls");
  add_command<RefOptions>(*models, command, "info", info_help, declare_ref, show_model)->alias("show");
  add_command<ImportOptions>(*models, command, "import", import_help, declare_import, import_model);
  add_command<RefsOptions>(*models, command, "delete", delete_help, declare_refs, delete_named)->alias("rm");
  add_pull(app, *models, command);
  add_push(app, *models, command);
  add_store(*models, command);
  add_cache(app, *models, command);
  add_catalog(app, *models, command);
  add_command<NoOptions>(app, command, "ps", "models that are loaded now", declare_nothing, show_loaded);
  add_command<ListOptions>(app, command, "list", list_help, declare_list, list_models)->alias("ls");
  add_command<RefOptions>(app, command, "show", info_help, declare_ref, show_model);
  add_command<ImportOptions>(app, command, "import", import_help, declare_import, import_model);
  add_command<RefsOptions>(app, command, "delete", delete_help, declare_refs, delete_named)->alias("rm");
  add_command<CreateOptions>(
      app, command, "create", "a model of your own: another one with settings, by a Modelfile",
      [](CLI::App& sub, CreateOptions& o) {
        sub.add_option("NAME", o.name, "id to give it")->required();
        sub.add_option("-f,--file", o.file, "the Modelfile; - reads it from the input")->capture_default_str();
        sub.add_option("-q,--quantize", o.quantize, "make the weights this type: q4_K_M, q8_0, ...")->type_name("TYPE");
      },
      create_model);
  add_command<CopyOptions>(
      app, command, "copy", "a second id for a model",
      [](CLI::App& sub, CopyOptions& o) {
        sub.add_option("FROM", o.from, "existing model")->required();
        sub.add_option("TO", o.to, "new id")->required();
      },
      copy_model)
      ->alias("cp");
  add_command<RefOptions>(
      app, command, "stop", "unload MODEL; without one, stop the server",
      [](CLI::App& sub, RefOptions& o) { sub.add_option("MODEL", o.ref, "model id"); }, stop);
}

}  // namespace hearth::cli
