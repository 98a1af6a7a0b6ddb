#include <algorithm>
#include <filesystem>
#include <fmt/format.h>

#include "base/bytes.hpp"
#include "cli/commands.hpp"
#include "cli/model_source.hpp"
#include "cli/progress_bar.hpp"
#include "cli/pull.hpp"
#include "cli/terminal.hpp"
#include "json/reader.hpp"
#include "json/writer.hpp"
#include "sdk/provisioner_settings.hpp"
#include "store/installed.hpp"
#include "store/provision/verify.hpp"

namespace hearth::cli {
namespace {

namespace provision = store::provision;

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

void print_verified(const provision::Verified& model) {
  fmt::print("{}  {}{}\n", model.ok() ? "ok    " : "BROKEN", model.reference,
             model.ok() && !model.digests_known ? "  (structure only: no digests were published)" : "");
  for (const auto& problem : model.problems) {
    if (problem.what.starts_with(problem.file)) {
      fmt::print("        {}\n", problem.what);
      continue;
    }
    fmt::print("        {}{}: {}\n", problem.file, problem.offset ? fmt::format(" at byte {}", *problem.offset) : "",
               problem.what);
  }
}

// The models of these names; a name that is none is reported, and is no reason to leave out the others.
Result<std::vector<store::LibraryEntry>> named(const store::Library& library, const std::vector<std::string>& refs,
                                               bool& all_found) {
  if (refs.empty()) return library.entries();
  std::vector<store::LibraryEntry> out;
  for (const auto& ref : refs) {
    auto entry = library.find(ref);
    if (entry) {
      out.push_back(*std::move(entry));
      continue;
    }
    if (refs.size() == 1) return std::unexpected(std::move(entry).error());
    (void)report(entry.error());
    all_found = false;
  }
  return out;
}

Result<std::vector<provision::Verified>> verify_here(const Context& context, const std::vector<std::string>& refs,
                                                     bool& all_found) {
  const store::Library library(context.home, *context.log);
  HEARTH_TRY(const auto entries, named(library, refs, all_found));
  HEARTH_TRY(const auto lost, refs.empty() ? library.lost() : Result<std::vector<store::LostModel>>());
  StatusLine line;
  const InterruptScope interrupt;
  provision::VerifyOptions how{.on_progress = {}, .stop = interrupt.token()};
  Rate rate;
  how.on_progress = [&](std::uint64_t done, std::uint64_t total) {
    rate.add(done, std::chrono::steady_clock::now());
    if (!context.globals.quiet) line.show(progress_line(done, total, rate.per_second(), StatusLine::width() - 1));
  };
  HEARTH_TRY(auto verified, provision::verify(library, entries, how));
  for (const auto& model : lost)
    verified.push_back({.reference = model.name, .problems = {{.file = model.path, .offset = {}, .what = model.why}}});
  return verified;
}

// The models of a server that are meant: those named, or all of hearth's own.
Result<std::vector<std::string>> names_there(const Context& context, const std::vector<std::string>& refs) {
  if (!refs.empty()) return refs;
  HEARTH_TRY(const auto text, ModelSource(context).list(false));
  HEARTH_TRY(const auto models, json::parse(text));
  std::vector<std::string> out;
  json::Report report;
  json::Item(models, "", report).each([&](const json::Item& item) {
    item.object([&](json::Object& m) { out.push_back(m.required_text("name")); });
  });
  if (report.error) return std::unexpected(*std::move(report.error));
  return out;
}

Result<std::vector<provision::Verified>> verify_there(const Context& context, const std::vector<std::string>& refs,
                                                      bool& all_found) {
  HEARTH_TRY(const auto client, context.client());
  HEARTH_TRY(const auto names, names_there(context, refs));
  std::vector<provision::Verified> out;
  StatusLine line;
  for (const auto& name : names) {
    if (!context.globals.quiet) line.show(fmt::format("the server checks {} ...", name));
    const auto text = client.verify(name);
    if (!text && (names.size() == 1 || text.error().code != ErrorCode::kModelNotFound))
      return std::unexpected(text.error());
    if (!text) {
      line.clear();
      (void)report(text.error());
      all_found = false;
      continue;
    }
    HEARTH_TRY(auto verified, provision::verified_from_json(*text));
    std::ranges::move(verified, std::back_inserter(out));
  }
  return out;
}

int verify(Context& context, const VerifyCommand& options) {
  bool all_ok = true;
  const auto verified =
      context.remote_asked() ? verify_there(context, options.refs, all_ok) : verify_here(context, options.refs, all_ok);
  if (!verified) return report(verified.error());
  for (const auto& model : *verified) {
    all_ok = all_ok && model.ok();
    if (!context.globals.json && (!context.globals.quiet || !model.ok())) print_verified(model);
  }
  if (context.globals.json) fmt::print("{}\n", provision::to_json(*verified));
  return all_ok ? kExitOk : kExitFailed;
}

// One model whose source cannot be asked is no reason to leave out the others; Ctrl-C is.
bool goes_on(const Context& context, const store::Installed& model, const Error& error) {
  if (error.code == ErrorCode::kCancelled) return false;
  if (!context.globals.json) fmt::print(stderr, "hearth: {}: {}\n", model.id, error.message);
  return true;
}

// What the sources have that is not here, as JSON or for people.
int check_updates(const Context& context, const std::vector<store::Installed>& models) {
  const base::SystemClock clock;
  const provision::Provisioner provisioner(sdk::provisioner_options(context.settings, context.home), clock,
                                           *context.log);
  const InterruptScope interrupt;
  auto how = sdk::pull_options(context.settings);
  how.stop = interrupt.token();
  const bool talks = !context.globals.json && !context.globals.quiet;
  bool all_asked = true;
  json::Writer w;
  w.begin_array();
  for (const auto& model : models) {
    const auto changes = provisioner.check(model.reference, how);
    w.begin_object().field("name", model.id).field("reference", to_text(model.reference));
    if (!changes) {
      if (!goes_on(context, model, changes.error())) return report_with_remedy(changes.error(), "");
      all_asked = false;
      w.field("error", changes.error().message).end_object();
      continue;
    }
    w.field("up_to_date", changes->up_to_date()).field("revision", changes->revision).key("files").begin_array();
    for (const auto& file : changes->files) w.value(file);
    w.end_array().field("size", changes->size).end_object();
    if (talks && changes->up_to_date())
      fmt::print("{} is up to date\n", model.id);
    else if (talks)
      fmt::print("{} can be updated: {} in {} file(s)\n", model.id, base::human({changes->size}),
                 changes->files.size());
  }
  w.end_array();
  if (context.globals.json) fmt::print("{}\n", w.text());
  return all_asked ? kExitOk : kExitFailed;
}

// What was fetched from a source, here or there. Models that are named must be one.
Result<std::vector<store::Installed>> installed(const Context& context, const std::vector<std::string>& refs,
                                                bool& all_found) {
  if (!context.remote_asked()) {
    const store::Library library(context.home, *context.log);
    HEARTH_TRY(const auto entries, named(library, refs, all_found));
    return store::installed(library, entries);
  }
  HEARTH_TRY(const auto names, names_there(context, refs));
  std::vector<store::Installed> out;
  for (const auto& name : names) {
    HEARTH_TRY(const auto info, ModelSource(context).info(name));
    const std::string text = text_in(info, "pull_reference");
    if (text.empty()) continue;
    HEARTH_TRY(auto reference, store::parse_reference(text));
    out.push_back({.id = text_in(info, "name"), .reference = std::move(reference)});
  }
  return out;
}

int update(Context& context, const UpdateCommand& options) {
  if (options.check && context.remote_asked())
    return report(Error{.code = ErrorCode::kUnsupported,
                        .message = "--check asks the sources from this machine, of what is in its own store; leave out "
                                   "--check, or --server"});
  bool all_done = true;
  const auto models = installed(context, options.refs, all_done);
  if (!models) return report(models.error());
  if (models->empty() && !context.globals.json && !context.globals.quiet)
    fmt::print("nothing that was fetched from a source\n");
  if (options.check) {
    const int code = check_updates(context, *models);
    return all_done ? code : kExitFailed;
  }
  // Offline a pull is content with what is here; an update is not.
  if (!context.remote_asked() && !models->empty() && sdk::provisioner_options(context.settings, context.home).offline)
    return report_with_remedy(
        Error{.code = ErrorCode::kUnavailable, .message = "HF_HUB_OFFLINE forbids to ask for updates"}, "");
  boost::json::array all;
  for (const auto& model : *models) {
    auto pulled = pull_model(context, to_text(model.reference));
    if (!pulled) {
      if (!goes_on(context, model, pulled.error())) return report_with_remedy(pulled.error(), "");
      all_done = false;
      all.push_back({{"name", model.id}, {"reference", to_text(model.reference)}, {"error", pulled.error().message}});
      continue;
    }
    const bool was_here = pulled->get_object().at("up_to_date").as_bool();
    if (!context.globals.json && !context.globals.quiet)
      fmt::print("{} {}\n", model.id, was_here ? "is up to date" : "is updated");
    all.push_back(*std::move(pulled));
  }
  if (context.globals.json) fmt::print("{}\n", json::to_text(all));
  return all_done ? kExitOk : kExitFailed;
}

// The path of a model's weight file, on the machine that has it.
Result<std::string> path_of(const Context& context, const std::string& name) {
  if (context.remote_asked()) {
    HEARTH_TRY(const auto info, ModelSource(context).info(name));
    return text_in(info, "path");
  }
  const store::Library library(context.home, *context.log);
  HEARTH_TRY(const auto entry, library.find(name));
  return entry.path.string();
}

int find(Context& context, const OneArgument& options) {
  const auto path = path_of(context, options.text);
  if (!path) return report(path.error());
  if (context.globals.json) {
    json::Writer w;
    w.begin_object().field("path", *path).end_object();
    fmt::print("{}\n", w.text());
  } else {
    fmt::print("{}\n", *path);
  }
  return kExitOk;
}

// Of a file, or of all files of a model.
Result<std::uint64_t> size_of(const Context& context, const std::string& text) {
  std::error_code error;
  const auto bytes = std::filesystem::file_size(text, error);
  if (!error && !context.remote_asked()) return bytes;
  const auto info = ModelSource(context).info(text);
  // With a tag, of that one.
  const bool tagged = text.substr(text.rfind('/') + 1).contains(':');
  if (info) return info->get_object().at(tagged ? "size" : "total_size").to_number<std::uint64_t>();
  const bool absent = info.error().code == ErrorCode::kModelNotFound || info.error().code == ErrorCode::kInvalidRequest;
  if (context.remote_asked() || !absent) return std::unexpected(info.error());
  return fail(ErrorCode::kIo,
              fmt::format("cannot tell the size of {}: {}, and no model here has that name", text, error.message()));
}

int size(Context& context, const OneArgument& options) {
  const auto known = size_of(context, options.text);
  if (!known) return report(known.error());
  const auto bytes = *known;
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
      models, command, "size", "the size of a file or a model",
      [](CLI::App& sub, OneArgument& o) { sub.add_option("WHAT", o.text, "path, or model id")->required(); }, size);
}

}  // namespace hearth::cli
