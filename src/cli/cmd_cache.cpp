#include <algorithm>
#include <cstdio>
#include <fmt/format.h>
#include <iterator>

#include "base/bytes.hpp"
#include "base/strings.hpp"
#include "cli/commands.hpp"
#include "cli/model_source.hpp"
#include "cli/terminal.hpp"
#include "store/disk_usage.hpp"

namespace hearth::cli {
namespace {

struct NoOptions {};
struct ClearCommand {
  bool yes = false;
};
struct DeleteCommand {
  std::vector<std::string> refs;
};

// Of this machine, or of a server's.
Result<store::DiskUsage> usage_of(const Context& context) {
  if (!context.remote_asked()) return store::disk_usage(store::Library(context.home, *context.log));
  HEARTH_TRY(const auto client, context.client());
  HEARTH_TRY(const auto text, client.get("/hearth/v1/disk-usage"));
  return store::disk_usage_from_json(text);
}

int print_usage(const Context& context, const store::DiskUsage& usage) {
  if (context.globals.json) {
    fmt::print("{}\n", store::to_json(usage));
    return kExitOk;
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& model : usage.models)
    rows.push_back({model.reference, base::human({model.size}), model.unfinished ? "not all there yet" : model.source});
  rows.push_back({"in all", base::human({usage.total_size}), ""});
  print_table({"MODEL", "SIZE", "FROM"}, rows, {1});
  return kExitOk;
}

int show_usage(Context& context, const NoOptions&) {
  const auto usage = usage_of(context);
  return usage ? print_usage(context, *usage) : report(usage.error());
}

// What could be fetched again, and what fetches that were broken off have left.
Result<store::DiskUsage> downloads(const Context& context) {
  HEARTH_TRY(auto usage, usage_of(context));
  std::erase_if(usage.models, [](const store::DiskUsage::Model& model) { return !model.is_download(); });
  usage.total_size = 0;
  for (const auto& model : usage.models) usage.total_size += model.size;
  return usage;
}

int show_downloads(Context& context, const NoOptions&) {
  const auto usage = downloads(context);
  return usage ? print_usage(context, *usage) : report(usage.error());
}

// Whether the person at the terminal says yes; without one, nobody does.
bool agrees(std::string_view question) {
  if (!stdin_is_terminal()) return false;
  fmt::print(stderr, "{} [y/N] ", question);
  std::string answer;
  for (int c = std::getchar(); c != EOF && c != '\n'; c = std::getchar()) answer += static_cast<char>(c);
  const std::string said = base::to_lower(base::trim(answer));
  return said == "y" || said == "yes";
}

int clear(Context& context, const ClearCommand& options) {
  const auto usage = downloads(context);
  if (!usage) return report(usage.error());
  std::vector<std::string> refs;
  for (const auto& model : usage->models) refs.insert(refs.end(), model.names.begin(), model.names.end());
  const std::string what =
      fmt::format("{} downloaded model(s), {}", usage->models.size(), base::human({usage->total_size}));
  if (!refs.empty() && !options.yes && !agrees(fmt::format("delete {}?", what)))
    return report(Error{.code = ErrorCode::kInvalidRequest,
                        .message = fmt::format("kept {}; to delete them: hearth cache clear --yes", what)});
  return delete_models(context, refs);
}

// By the names of what was downloaded: an import or a model that was made can have the name without a tag.
int delete_downloaded(Context& context, const DeleteCommand& options) {
  const auto usage = downloads(context);
  if (!usage) return report(usage.error());
  std::vector<std::string> meant;
  for (const auto& ref : options.refs) {
    const auto before = meant.size();
    for (const auto& model : usage->models) {
      const bool whole = base::equals_ignore_case(ref, model.reference);
      std::ranges::copy_if(model.names, std::back_inserter(meant),
                           [&](const std::string& name) { return whole || base::equals_ignore_case(ref, name); });
    }
    if (meant.size() == before)
      return report(Error{.code = ErrorCode::kModelNotFound,
                          .message = fmt::format("model '{}' was not downloaded; see what was with: hearth cache list",
                                                 base::one_line(ref))});
  }
  return delete_models(context, meant);
}

}  // namespace

void add_cache(CLI::App& app, CLI::App& models, Command& command) {
  const auto nothing = [](CLI::App&, NoOptions&) {};
  add_command<NoOptions>(models, command, "disk-usage", "what the models in the store take", nothing, show_usage);
  CLI::App* cache = app.add_subcommand("cache", "the downloaded models");
  cache->require_subcommand(1);
  cache->fallthrough();
  add_command<NoOptions>(*cache, command, "list", "what they take, and where they came from", nothing, show_downloads)
      ->alias("ls");
  add_command<ClearCommand>(
      *cache, command, "clear", "delete all of them, and what downloads have left; imports stay",
      [](CLI::App& sub, ClearCommand& o) { sub.add_flag("--yes", o.yes, "without asking"); }, clear);
  add_command<DeleteCommand>(
      *cache, command, "delete", "delete some of them",
      [](CLI::App& sub, DeleteCommand& o) { sub.add_option("MODEL", o.refs, "model ids")->required(); },
      delete_downloaded)
      ->alias("rm");
}

}  // namespace hearth::cli
