#include <algorithm>
#include <fmt/format.h>

#include "base/strings.hpp"
#include "cli/commands.hpp"
#include "cli/model_source.hpp"
#include "cli/terminal.hpp"
#include "http/message.hpp"
#include "json/reader.hpp"
#include "json/writer.hpp"
#include "store/catalog.hpp"

namespace hearth::cli {
namespace {

struct NoOptions {};
struct SearchOptions {
  std::vector<std::string> words;
  std::string tag;
};

// As JSON, from this machine's files or a server's.
Result<json::Value> searched(const Context& context, const std::string& query, const std::string& tag) {
  if (context.remote_asked()) {
    HEARTH_TRY(const auto client, context.client());
    HEARTH_TRY(const auto text, client.get(fmt::format("/hearth/v1/search?q={}&tag={}", http::percent_encode(query),
                                                       http::percent_encode(tag))));
    return json::parse(text);
  }
  HEARTH_TRY(const auto catalog, store::Catalog::load(context.home.catalogs()));
  return json::parse(store::to_json(catalog.search(query, tag)));
}

// "1b, 3b (3b)": the tags, the usual one marked.
std::string tags_of(const json::Value& model) {
  std::string out;
  const std::string latest = text_in(model, "latest");
  for (const auto& tag : model.get_object().at("tags").get_array()) {
    const std::string name = text_in(tag, "tag");
    out += fmt::format("{}{}{}", out.empty() ? "" : " ", name, name == latest ? "*" : "");
  }
  return out;
}

int print(const Context& context, const Result<json::Value>& found, std::string_view query) {
  if (!found) return report(found.error());
  if (context.globals.json) {
    fmt::print("{}\n", json::to_text(*found));
    return kExitOk;
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& model : found->get_array())
    rows.push_back({text_in(model, "name"), tags_of(model), text_in(model, "license"), text_in(model, "description")});
  if (rows.empty())
    return report(Error{.code = ErrorCode::kNotFound,
                        .message = fmt::format("the catalogue has nothing for '{}'; any repository of the Hugging Face "
                                               "hub can be had too: hearth pull ORG/NAME",
                                               base::one_line(query))});
  print_table({"NAME", "TAGS (* = usual)", "LICENSE", "WHAT IT IS"}, rows, {});
  fmt::print("try: hearth pull {}\n", rows.front().front());
  return kExitOk;
}

int show_catalog(Context& context, const NoOptions&) { return print(context, searched(context, "", ""), ""); }

int search(Context& context, const SearchOptions& options) {
  const std::string query = fmt::format("{}", fmt::join(options.words, " "));
  return print(context, searched(context, query, options.tag), query);
}

// What is installed and what could be, one list.
int list_all_models(Context& context, const NoOptions&) {
  const auto text = ModelSource(context).list(false);
  const auto installed = text ? json::parse(*text) : Result<json::Value>(std::unexpected(text.error()));
  if (!installed) return report(installed.error());
  const auto known = searched(context, "", "");
  if (!known) return report(known.error());
  json::Writer w;
  w.begin_array();
  std::vector<std::vector<std::string>> rows;
  const auto add = [&](const std::string& name, bool here, const std::string& what) {
    w.begin_object().field("name", name).field("installed", here).end_object();
    rows.push_back({here ? "*" : "", name, what});
  };
  for (const auto& model : installed->get_array()) add(text_in(model, "name"), true, text_in(model, "quantization"));
  for (const auto& model : known->get_array()) {
    const std::string name = text_in(model, "name");
    const auto same = [&](const auto& row) { return base::equals_ignore_case(row[1], name); };
    if (std::ranges::none_of(rows, same)) add(name, false, text_in(model, "description"));
  }
  w.end_array();
  if (context.globals.json)
    fmt::print("{}\n", w.text());
  else
    print_table({"HERE", "NAME", "WHAT IT IS"}, rows, {});
  return kExitOk;
}

void declare_search(CLI::App& sub, SearchOptions& o) {
  sub.add_option("Q", o.words, "words that name, repository or description must have")->required();
  sub.add_option("--tag", o.tag, "a size (1b), or a task (text-generation, feature-extraction)")->type_name("T");
}

}  // namespace

void add_catalog(CLI::App& app, CLI::App& models, Command& command) {
  const std::string search_help = "well-known models by words";
  add_command<NoOptions>(
      models, command, "catalog", "well-known models that have a short name", [](CLI::App&, NoOptions&) {},
      show_catalog);
  add_command<SearchOptions>(models, command, "search", search_help, declare_search, search);
  add_command<SearchOptions>(app, command, "search", search_help, declare_search, search);
  add_command<NoOptions>(
      app, command, "list-models", "what is installed, and the short names of what could be",
      [](CLI::App&, NoOptions&) {}, list_all_models);
}

}  // namespace hearth::cli
