#include <fmt/format.h>

#include "base/strings.hpp"
#include "cli/commands.hpp"
#include "cli/terminal.hpp"
#include "config/credentials.hpp"
#include "json/writer.hpp"
#include "sdk/provisioner_settings.hpp"

namespace hearth::cli {
namespace {

struct LoginCommand {
  std::string where;
  bool forget = false;
};

constexpr const char* kToken = "HF_TOKEN";

int forget(const Context& context) {
  const auto file = config::credentials_file();
  if (const auto done = config::save_credential(file, kToken, ""); !done) return report(done.error());
  if (context.globals.json)
    fmt::print("{{\"forgotten\":true}}\n");
  else if (!context.globals.quiet)
    fmt::print("forgot the token of the Hugging Face hub\n");
  return kExitOk;
}

// Nothing is kept before the hub has taken it.
int login(Context& context, const LoginCommand& options) {
  if (options.forget) return forget(context);
  auto hub = sdk::provisioner_options(context.settings, context.home).hub;
  const std::string typed =
      stdin_is_terminal() ? read_secret(fmt::format("token ({}/settings/tokens): ", hub.endpoint)) : read_all_stdin();
  hub.token = base::trim(typed);
  if (hub.token.empty()) return report(Error{.code = ErrorCode::kInvalidRequest, .message = "no token was given"});
  const InterruptScope interrupt;
  const auto account = store::provision::account_of(hub, interrupt.token());
  if (!account) return report_with_remedy(account.error(), "");
  const auto file = config::credentials_file();
  if (const auto kept = config::save_credential(file, kToken, hub.token); !kept) return report(kept.error());
  if (context.globals.json) {
    json::Writer w;
    w.begin_object().field("account", *account).field("file", file.string()).end_object();
    fmt::print("{}\n", w.text());
  } else if (!context.globals.quiet) {
    fmt::print("logged in as {}; the token is in {}\n", *account, file.string());
  }
  return kExitOk;
}

}  // namespace

void add_login(CLI::App& app, Command& command) {
  add_command<LoginCommand>(
      app, command, "login", "keep a token for models that are gated or private",
      [](CLI::App& sub, LoginCommand& o) {
        sub.add_option("WHERE", o.where, "hf: the Hugging Face hub")->required()->check(CLI::IsMember({"hf"}));
        sub.add_flag("--forget", o.forget, "take the token away again");
      },
      login);
}

}  // namespace hearth::cli
