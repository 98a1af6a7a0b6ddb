#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/progress_bar.hpp"
#include "cli/provisioner.hpp"
#include "cli/terminal.hpp"
#include "json/writer.hpp"

namespace hearth::cli {
namespace {

namespace provision = store::provision;
using Phase = provision::PullProgress::Phase;

struct PullCommand {
  std::vector<std::string> refs;
};

// Draws what a pull tells.
class Display {
 public:
  explicit Display(bool quiet) : quiet_(quiet) {}

  void show(const provision::PullProgress& progress) {
    if (quiet_) return;
    if (!progress.choice.empty() && progress.choice != choice_) {
      line_.clear();
      choice_ = progress.choice;
      fmt::print(stderr, "{}\n", choice_);
    }
    switch (progress.phase) {
      case Phase::kResolving: line_.show("asking the hub ..."); break;
      case Phase::kChecking: line_.show("checking what is there ..."); break;
      case Phase::kWaiting:
      case Phase::kDownloading: line_.show(bytes(progress)); break;
    }
  }
  void end() { line_.clear(); }

 private:
  std::string bytes(const provision::PullProgress& progress) {
    const auto& b = progress.bytes;
    rate_.add(b.present, std::chrono::steady_clock::now());
    const char* who = progress.phase == Phase::kWaiting ? "  (another process fetches it)" : "";
    if (!b.trouble.empty()) return fmt::format("{}; trying again", b.trouble);
    if (b.total > 0 && b.present == b.total && b.verified < b.total)
      return fmt::format("checking the digest: {}", progress_line(b.verified, b.total, 0, StatusLine::width() - 22));
    return progress_line(b.present, b.total, rate_.per_second(), StatusLine::width() - 32) + who;
  }

  bool quiet_;
  std::string choice_;
  StatusLine line_;
  Rate rate_;
};

// The id that the model has now.
std::string id_of(const store::Library& library, const provision::Pulled& pulled) {
  const auto entries = library.entries();
  if (!entries) return pulled.source;
  for (const auto& entry : *entries) {
    if (entry.path == pulled.weights) return entry.id();
  }
  return pulled.source;
}

int pull(Context& context, const PullCommand& options) {
  if (context.remote_asked())
    return report(Error{.code = ErrorCode::kUnsupported,
                        .message = "pull fetches to this machine; run it where the server runs, without --server"});
  const base::SystemClock clock;
  const provision::Provisioner provisioner(provisioner_options(context.settings, context.home), clock, *context.log);
  const store::Library library(context.home, *context.log);
  const InterruptScope interrupt;
  json::Writer w;
  w.begin_array();
  for (const auto& text : options.refs) {
    const auto reference = store::parse_reference(text);
    if (!reference) return report(reference.error());
    Display display(context.globals.quiet || context.globals.json);
    auto how = pull_options(context.settings);
    how.stop = interrupt.token();
    how.on_progress = [&](const provision::PullProgress& progress) { display.show(progress); };
    const auto pulled = provisioner.pull(*reference, how);
    display.end();
    if (!pulled) return report(pulled.error());
    const std::string id = id_of(library, *pulled);
    if (context.globals.json) {
      w.begin_object().field("reference", text).field("name", id).field("source", pulled->source);
      w.field("revision", pulled->revision).field("model_dir", pulled->folder.string());
      w.field("path", pulled->weights.string()).field("format", pulled->format);
      w.field("quantization", pulled->quantization).field("reason", pulled->reason).field("size", pulled->size);
      w.field("up_to_date", pulled->up_to_date).end_object();
    } else if (!context.globals.quiet) {
      fmt::print("{} {}\n", id, pulled->up_to_date ? "is up to date" : "is here");
      if (!pulled->up_to_date && pulled->format == "gguf") fmt::print("try: hearth run {} \"Hello\"\n", id);
    }
  }
  w.end_array();
  if (context.globals.json) fmt::print("{}\n", w.text());
  return kExitOk;
}

void declare_pull(CLI::App& sub, PullCommand& o) {
  sub.add_option(
         "REF", o.refs,
         "ORG/NAME or hf:ORG/NAME[@REVISION][:QUANTISATION] of the Hugging Face hub; several are fetched in turn")
      ->required();
}

}  // namespace

void add_pull(CLI::App& app, CLI::App& models, Command& command) {
  add_command<PullCommand>(app, command, "pull", "fetch models, or go on where a fetch stopped", declare_pull, pull);
  add_command<PullCommand>(models, command, "download", "the same as pull", declare_pull, pull);
}

}  // namespace hearth::cli
