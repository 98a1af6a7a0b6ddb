#include <filesystem>
#include <fmt/format.h>

#include "base/bytes.hpp"
#include "cli/commands.hpp"
#include "cli/progress_bar.hpp"
#include "cli/pull.hpp"
#include "cli/terminal.hpp"
#include "json/reader.hpp"
#include "json/writer.hpp"
#include "sdk/provisioner_settings.hpp"
#include "store/disk_usage.hpp"
#include "store/provision/installed.hpp"
#include "store/provision/verify.hpp"

namespace hearth::cli {
namespace {

namespace provision = store::provision;

struct NoOptions {};
struct VerifyCommand {
  std::vector<std::string> refs;
};
struct UpdateCommand {
  std::vector<std::string> refs;
  bool check = false;
};
struct OneArgument {
  std::string text;
};

// These look at this machine's disk.
std::optional<Error> refuse_remote(const Context& context, std::string_view command) {
  if (!context.remote_asked()) return std::nullopt;
  return Error{.code = ErrorCode::kUnsupported,
               .message = fmt::format("models {} looks at this machine's files; run it where the server runs, without "
                                      "--server",
                                      command)};
}

void print_verified(const provision::Verified& model) {
  fmt::print("{}  {}{}\n", model.ok() ? "ok    " : "BROKEN", model.reference,
             model.ok() && !model.digests_known ? "  (structure only: no digests were published)" : "");
  for (const auto& problem : model.problems)
    fmt::print("        {}{}: {}\n", problem.file, problem.offset ? fmt::format(" at byte {}", *problem.offset) : "",
               problem.what);
}

int verify(Context& context, const VerifyCommand& options) {
  if (const auto error = refuse_remote(context, "verify")) return report(*error);
  const store::Library library(context.home, *context.log);
  const auto entries = library.entries(options.refs);
  if (!entries) return report(entries.error());
  StatusLine line;
  const InterruptScope interrupt;
  provision::VerifyOptions how{.on_progress = {}, .stop = interrupt.token()};
  Rate rate;
  how.on_progress = [&](std::uint64_t done, std::uint64_t total) {
    rate.add(done, std::chrono::steady_clock::now());
    if (!context.globals.quiet) line.show(progress_line(done, total, rate.per_second(), StatusLine::width() - 1));
  };
  const auto verified = provision::verify(library, *entries, how);
  line.clear();
  if (!verified) return report(verified.error());
  bool all_ok = true;
  for (const auto& model : *verified) {
    all_ok = all_ok && model.ok();
    if (!context.globals.json && (!context.globals.quiet || !model.ok())) print_verified(model);
  }
  if (context.globals.json) fmt::print("{}\n", provision::to_json(*verified));
  return all_ok ? kExitOk : kExitFailed;
}

Result<std::string> disk_usage_text(const Context& context) {
  if (context.remote_asked()) {
    HEARTH_TRY(const auto client, context.client());
    return client.get("/hearth/v1/disk-usage");
  }
  const store::Library library(context.home, *context.log);
  return store::disk_usage(library).map([](const store::DiskUsage& usage) { return to_json(usage); });
}

int disk_usage(Context& context, const NoOptions&) {
  const auto text = disk_usage_text(context);
  if (!text) return report(text.error());
  if (context.globals.json) {
    fmt::print("{}\n", *text);
    return kExitOk;
  }
  std::vector<std::vector<std::string>> rows;
  std::uint64_t total = 0;
  const auto read = json::read_object(*text, [&](json::Object& in) {
    const auto number = [](json::Object& o, const char* key) {
      const auto item = o.require(key);
      return item ? static_cast<std::uint64_t>(item->integer(0)) : 0;
    };
    total = number(in, "total_size");
    in.each("models", [&](const json::Item& item) {
      item.object(
          [&](json::Object& m) { rows.push_back({m.required_text("reference"), base::human({number(m, "size")})}); });
    });
  });
  if (!read) return report(read.error());
  rows.push_back({"all files", base::human({total})});
  print_table({"MODEL", "SIZE"}, rows, {1});
  return kExitOk;
}

// [{name, reference, up_to_date, revision, files, size}]: what the sources have that is not here.
Result<std::string> check_updates(const Context& context, const std::vector<provision::Installed>& models) {
  const base::SystemClock clock;
  const provision::Provisioner provisioner(sdk::provisioner_options(context.settings, context.home), clock,
                                           *context.log);
  const InterruptScope interrupt;
  auto how = sdk::pull_options(context.settings);
  how.stop = interrupt.token();
  json::Writer w;
  w.begin_array();
  for (const auto& model : models) {
    HEARTH_TRY(const auto changes, provisioner.check(model.reference, how));
    w.begin_object().field("name", model.id).field("reference", to_text(model.reference));
    w.field("up_to_date", changes.up_to_date()).field("revision", changes.revision).key("files").begin_array();
    for (const auto& file : changes.files) w.value(file);
    w.end_array().field("size", changes.size).end_object();
    if (context.globals.json || context.globals.quiet) continue;
    if (changes.up_to_date())
      fmt::print("{} is up to date\n", model.id);
    else
      fmt::print("{} can be updated: {} in {} file(s)\n", model.id, base::human({changes.size}), changes.files.size());
  }
  w.end_array();
  return std::move(w).take();
}

int update(Context& context, const UpdateCommand& options) {
  if (const auto error = refuse_remote(context, "update")) return report(*error);
  const store::Library library(context.home, *context.log);
  const auto entries = library.entries(options.refs);
  if (!entries) return report(entries.error());
  const auto models = provision::installed(library, *entries);
  if (!models) return report(models.error());
  if (options.check) {
    const auto checked = check_updates(context, *models);
    if (!checked) return report_with_remedy(checked.error(), "");
    if (context.globals.json) fmt::print("{}\n", *checked);
    return kExitOk;
  }
  boost::json::array all;
  for (const auto& model : *models) {
    auto pulled = pull_model(context, to_text(model.reference));
    if (!pulled) return report_with_remedy(pulled.error(), "");
    const bool was_here = pulled->get_object().at("up_to_date").as_bool();
    if (!context.globals.json && !context.globals.quiet)
      fmt::print("{} {}\n", model.id, was_here ? "is up to date" : "is updated");
    all.push_back(*std::move(pulled));
  }
  if (context.globals.json)
    fmt::print("{}\n", json::to_text(all));
  else if (models->empty() && !context.globals.quiet)
    fmt::print("nothing that was fetched from a source\n");
  return kExitOk;
}

int find(Context& context, const OneArgument& options) {
  if (const auto error = refuse_remote(context, "find")) return report(*error);
  const store::Library library(context.home, *context.log);
  const auto entry = library.find(options.text);
  if (!entry) return report(entry.error());
  if (context.globals.json) {
    json::Writer w;
    w.begin_object().field("path", entry->path.string()).end_object();
    fmt::print("{}\n", w.text());
  } else {
    fmt::print("{}\n", entry->path.string());
  }
  return kExitOk;
}

int size(Context& context, const OneArgument& options) {
  std::error_code error;
  const auto bytes = std::filesystem::file_size(options.text, error);
  if (error)
    return report(Error{.code = ErrorCode::kIo,
                        .message = fmt::format("cannot tell the size of {}: {}", options.text, error.message())});
  if (context.globals.json)
    fmt::print("{{\"size\":{}}}\n", bytes);
  else
    fmt::print("{}\n", base::human({bytes}));
  return kExitOk;
}

}  // namespace

void add_store(CLI::App& models, Command& command) {
  add_command<VerifyCommand>(
      models, command, "verify",
      "check models (default: all): structure, missing parts, digests; exit 1 if any is broken",
      [](CLI::App& sub, VerifyCommand& o) { sub.add_option("REF", o.refs, "model ids"); }, verify);
  add_command<NoOptions>(
      models, command, "disk-usage", "what the downloaded models take", [](CLI::App&, NoOptions&) {}, disk_usage);
  add_command<UpdateCommand>(
      models, command, "update", "fetch what has changed at the sources of models (default: of all)",
      [](CLI::App& sub, UpdateCommand& o) {
        sub.add_option("REF", o.refs, "model ids");
        sub.add_flag("--check", o.check, "only say what there is");
      },
      update);
  add_command<OneArgument>(
      models, command, "find", "where a model's weight file is; exit 1 if it is not here",
      [](CLI::App& sub, OneArgument& o) { sub.add_option("REF", o.text, "model id")->required(); }, find);
  add_command<OneArgument>(
      models, command, "size", "the size of a file",
      [](CLI::App& sub, OneArgument& o) { sub.add_option("FILE", o.text, "path")->required(); }, size);
}

}  // namespace hearth::cli
