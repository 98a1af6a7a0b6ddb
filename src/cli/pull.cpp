#include "cli/pull.hpp"

#include <filesystem>
#include <fmt/format.h>

#include "base/files.hpp"
#include "cli/progress_bar.hpp"
#include "cli/terminal.hpp"
#include "json/writer.hpp"
#include "sdk/provisioner_settings.hpp"

namespace hearth::cli {
namespace {

namespace provision = store::provision;

// What is shown of a download, wherever it runs.
struct View {
  std::string phase;
  std::string choice;
  std::string trouble;
  std::uint64_t total = 0;
  std::uint64_t completed = 0;
  std::uint64_t verified = 0;
};

class Display {
 public:
  explicit Display(bool quiet) : quiet_(quiet) {}

  void show(const View& view) {
    if (quiet_) return;
    if (!view.choice.empty() && view.choice != choice_) {
      line_.clear();
      choice_ = view.choice;
      fmt::print(stderr, "{}\n", choice_);
    }
    if (view.phase == "resolving")
      line_.show("asking what there is ...");
    else if (view.phase == "checking")
      line_.show("checking what is there ...");
    else
      line_.show(bytes(view));
    // Where no line is seen, a stop that lasts is a mystery.
    if (!line_.seen() && !view.trouble.empty() && view.trouble != told_) {
      told_ = view.trouble;
      fmt::print(stderr, "{}; trying again\n", told_);
    }
  }

 private:
  std::string bytes(const View& view) {
    rate_.add(view.completed, std::chrono::steady_clock::now());
    if (!view.trouble.empty()) return view.trouble + "; trying again";
    told_.clear();
    const std::size_t width = StatusLine::width();
    if (view.total > 0 && view.completed == view.total)
      return "checking the digest: " + progress_line(view.verified, view.total, 0, width - 22);
    const std::string line = progress_line(view.completed, view.total, rate_.per_second(), width - 1);
    return view.phase == "waiting" ? "another process fetches it: " + line : line;
  }

  bool quiet_;
  std::string choice_;
  std::string told_;  // the trouble that was printed
  StatusLine line_;
  Rate rate_;
};

View view_of(const provision::PullProgress& progress) {
  return {.phase = std::string(to_string(progress.phase)),
          .choice = progress.choice,
          .trouble = progress.bytes.trouble,
          .total = progress.bytes.total,
          .completed = progress.bytes.present,
          .verified = progress.bytes.verified};
}

View view_of(const json::Value& job) {
  View out;
  json::Report report;
  json::Item(job, "", report).object([&](json::Object& in) {
    in.object("progress", [&](json::Object& p) {
      const auto number = [&](const char* key, std::uint64_t& value) {
        if (const auto item = p.get(key)) value = static_cast<std::uint64_t>(item->integer(0));
      };
      p.text("phase", out.phase);
      p.text("choice", out.choice);
      p.text("trouble", out.trouble);
      number("total", out.total);
      number("completed", out.completed);
      number("verified", out.verified);
    });
  });
  return out;
}

Result<json::Value> pull_here(const Context& context, const std::string& text, const std::string& folder) {
  HEARTH_TRY(const auto reference, store::parse_reference(text));
  const base::SystemClock clock;
  const provision::Provisioner provisioner(sdk::provisioner_options(context.settings, context.home), clock,
                                           *context.log);
  const store::Library library(context.home, *context.log);
  Display display(context.globals.quiet || context.globals.json);
  const InterruptScope interrupt;
  auto how = sdk::pull_options(context.settings);
  how.stop = interrupt.token();
  if (!folder.empty()) how.folder = std::filesystem::absolute(base::expand_user(folder)).lexically_normal();
  how.on_progress = [&](const provision::PullProgress& progress) { display.show(view_of(progress)); };
  HEARTH_TRY(const auto pulled, provisioner.pull(reference, how));
  return json::parse(provision::to_json(pulled, library.id_of(pulled.weights)));
}

Result<json::Value> pull_there(const Context& context, const std::string& text) {
  HEARTH_TRY(const auto client, context.client());
  Display display(context.globals.quiet || context.globals.json);
  const InterruptScope interrupt;
  json::Value last;
  HEARTH_TRY(const bool stopped, client.pull(
                                     text,
                                     [&](const json::Value& job) {
                                       display.show(view_of(job));
                                       last = job;
                                     },
                                     interrupt.token()));
  if (stopped) return fail(ErrorCode::kCancelled, "left; the server goes on with the download");
  if (!last.is_object()) return fail(ErrorCode::kBackendError, "the server said nothing of the download");
  auto& job = last.get_object();
  if (auto* result = job.if_contains("result"); result != nullptr && result->is_object()) return std::move(*result);
  Error error{.code = ErrorCode::kBackendError, .message = "the download ended without a result"};
  if (const auto* said = job.if_contains("error"); said != nullptr && said->is_object()) {
    json::Report report;
    json::Item(*said, "error", report).object([&](json::Object& in) {
      error.code = base::error_code_from_name(in.required_text("code"));
      error.message = in.required_text("message");
    });
  }
  return std::unexpected(std::move(error));
}

}  // namespace

Result<json::Value> pull_model(const Context& context, const std::string& reference, const std::string& folder) {
  if (context.remote_asked() && !folder.empty())
    return fail(ErrorCode::kUnsupported, "--local-dir is a folder of this machine; leave out --server");
  return context.remote_asked() ? pull_there(context, reference) : pull_here(context, reference, folder);
}

}  // namespace hearth::cli
