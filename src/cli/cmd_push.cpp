#include <fmt/format.h>

#include "base/bytes.hpp"
#include "cli/commands.hpp"
#include "cli/progress_bar.hpp"
#include "cli/terminal.hpp"
#include "sdk/provisioner_settings.hpp"
#include "store/provision/s3_push.hpp"

namespace hearth::cli {
namespace {

namespace provision = store::provision;

struct PushCommand {
  std::string model;
  std::string destination;
};

class Display {
 public:
  explicit Display(bool quiet) : quiet_(quiet) {}

  void show(const provision::PushProgress& progress) {
    if (quiet_) return;
    if (progress.file != file_) rate_ = {};
    file_ = progress.file;
    rate_.add(progress.done, std::chrono::steady_clock::now());
    const std::size_t width = StatusLine::width() - 1;
    if (!progress.trouble.empty())
      line_.show(progress.trouble + "; trying again");
    else if (progress.phase == provision::PushProgress::Phase::kHashing)
      line_.show("making the digest: " + progress_line(progress.done, progress.total, rate_.per_second(), width - 19));
    else
      line_.show(progress_line(progress.done, progress.total, rate_.per_second(), width));
  }

 private:
  bool quiet_;
  std::string file_;
  StatusLine line_;
  Rate rate_;
};

Result<provision::Pushed> push_model(const Context& context, const PushCommand& options) {
  if (context.remote_asked())
    return fail(ErrorCode::kUnsupported,
                "push reads this machine's files; run it where the server runs, without --server");
  HEARTH_TRY(const auto to, store::parse_reference(options.destination));
  if (to.kind != store::Reference::Kind::kS3 || !to.selector.empty())
    return fail(ErrorCode::kInvalidRequest,
                fmt::format("models are pushed to s3://BUCKET/PREFIX, which '{}' is not", options.destination));
  const store::Library library(context.home, *context.log);
  HEARTH_TRY(const auto files, provision::model_files(library, options.model));
  const base::SystemClock clock;
  const provision::S3Client client(sdk::s3_options(context.settings), clock);
  const InterruptScope interrupt;
  Display display(context.globals.quiet || context.globals.json);
  provision::PushOptions how{
      .upload = {}, .on_progress = [&](const auto& progress) { display.show(progress); }, .stop = interrupt.token()};
  how.upload.connections = static_cast<int>(context.settings.integer("pull.connections"));
  return provision::push_to_s3(client, files, provision::S3Address::of(to), clock, how);
}

int push(Context& context, const PushCommand& options) {
  const auto pushed = push_model(context, options);
  if (!pushed) return report_with_remedy(pushed.error(), "");
  if (context.globals.json) {
    fmt::print("{}\n", to_json(*pushed));
  } else if (!context.globals.quiet) {
    fmt::print("{} {} {}\n", pushed->name, pushed->up_to_date ? "is there already:" : "is at", pushed->destination);
    if (!pushed->up_to_date) fmt::print("try: hearth pull {}\n", pushed->destination);
  }
  return kExitOk;
}

void declare_push(CLI::App& sub, PushCommand& o) {
  sub.add_option("MODEL", o.model, "model id")->required();
  sub.add_option("TO", o.destination, "s3://BUCKET/PREFIX; its last part is the model's name for who pulls it")
      ->required();
}

}  // namespace

void add_push(CLI::App& app, CLI::App& models, Command& command) {
  const std::string help = "upload a model to a bucket, from where others pull it";
  add_command<PushCommand>(app, command, "push", help, declare_push, push);
  add_command<PushCommand>(models, command, "push", help, declare_push, push);
}

}  // namespace hearth::cli
