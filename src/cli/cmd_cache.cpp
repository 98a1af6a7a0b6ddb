#include <cstdio>
#include <fmt/format.h>

#include "base/bytes.hpp"
#include "base/strings.hpp"
#include "cli/commands.hpp"
#include "cli/model_source.hpp"
#include "cli/terminal.hpp"
#include "json/reader.hpp"
#include "json/writer.hpp"
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

int show_usage(Context& context, const NoOptions&) {
  const auto usage = usage_of(context);
  if (!usage) return report(usage.error());
  if (context.globals.json) {
    fmt::print("{}\n", store::to_json(*usage));
    return kExitOk;
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& model : usage->models)
    rows.push_back({model.reference, base::human({model.size}), model.unfinished ? "not all there yet" : ""});
  rows.push_back({"all files", base::human({usage->total_size}), ""});
  print_table({"MODEL", "SIZE", ""}, rows, {1});
  return kExitOk;
}

// Deletes what was downloaded; says each name.
int remove(const Context& context, const std::vector<std::string>& refs) {
  json::Writer w;
  w.begin_object().key("deleted").begin_array();
  for (const auto& ref : refs) {
    if (const auto done = ModelSource(context).remove(ref); !done) return report(done.error());
    w.value(ref);
    if (!context.globals.quiet && !context.globals.json) fmt::print("deleted {}\n", ref);
  }
  w.end_array().end_object();
  if (context.globals.json) fmt::print("{}\n", w.text());
  return kExitOk;
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
  const auto usage = usage_of(context);
  if (!usage) return report(usage.error());
  std::vector<std::string> refs;
  std::uint64_t size = 0;
  for (const auto& model : usage->models) {
    refs.insert(refs.end(), model.names.begin(), model.names.end());
    size += model.size;
  }
  const std::string what = fmt::format("{} downloaded model(s), {}", usage->models.size(), base::human({size}));
  if (!refs.empty() && !options.yes && !agrees(fmt::format("delete {}?", what)))
    return report(Error{.code = ErrorCode::kInvalidRequest,
                        .message = fmt::format("kept {}; to delete them: hearth cache clear --yes", what)});
  return remove(context, refs);
}

// An import is somebody's file, and no download.
int delete_downloaded(Context& context, const DeleteCommand& options) {
  const auto usage = usage_of(context);
  if (!usage) return report(usage.error());
  for (const auto& ref : options.refs) {
    const auto is_it = [&](const store::DiskUsage::Model& model) {
      const auto path = std::string_view(ref).substr(0, model.reference.size());
      return base::equals_ignore_case(path, model.reference) && (path.size() == ref.size() || ref[path.size()] == ':');
    };
    if (std::ranges::none_of(usage->models, is_it))
      return report(Error{.code = ErrorCode::kModelNotFound,
                          .message = fmt::format("model '{}' was not downloaded; see what was with: hearth cache list",
                                                 base::one_line(ref))});
  }
  return remove(context, options.refs);
}

}  // namespace

void add_cache(CLI::App& app, CLI::App& models, Command& command) {
  const auto nothing = [](CLI::App&, NoOptions&) {};
  const std::string usage_help = "what the downloaded models take";
  add_command<NoOptions>(models, command, "disk-usage", usage_help, nothing, show_usage);
  CLI::App* cache = app.add_subcommand("cache", "the downloaded models");
  cache->require_subcommand(1);
  cache->fallthrough();
  add_command<NoOptions>(*cache, command, "list", usage_help, nothing, show_usage);
  add_command<ClearCommand>(
      *cache, command, "clear", "delete all of them, and what downloads have left; imports stay",
      [](CLI::App& sub, ClearCommand& o) { sub.add_flag("--yes", o.yes, "without asking"); }, clear);
  add_command<DeleteCommand>(
      *cache, command, "delete", "delete some of them",
      [](CLI::App& sub, DeleteCommand& o) { sub.add_option("MODEL", o.refs, "model ids")->required(); },
      delete_downloaded);
}

}  // namespace hearth::cli
