#include <fmt/format.h>
#include <limits>

#include "base/strings.hpp"
#include "cli/commands.hpp"
#include "cli/generate.hpp"
#include "cli/terminal.hpp"

namespace hearth::cli {
namespace {

struct RunOptions : GenerateOptions {
  std::vector<std::string> prompt;
};

int run_command(Context& context, const RunOptions& given) {
  GenerateOptions options = given;
  auto model = resolve_model(context, options.model);
  if (!model) return report_with_remedy(model.error(), "");
  options.model = *std::move(model);
  std::string prompt;
  for (const auto& word : given.prompt) prompt += (prompt.empty() ? "" : " ") + word;
  if (!stdin_is_terminal() && given.prompt.empty()) prompt = read_all_stdin();
  const auto client = context.running_client();
  if (!client) return report(client.error());
  if (prompt.empty()) {
    if (stdin_is_terminal()) return chat_loop(context, *client, options);
    fmt::print(stderr, "hearth: the prompt is empty\n");
    return kExitUsage;
  }
  const auto outcome = stream_chat(context, *client, options, {{domain::Role::kUser, {domain::TextPart{prompt}}}});
  if (!outcome) return report(outcome.error());
  return outcome->interrupted ? kExitInterrupted : kExitOk;
}

int chat_command(Context& context, const GenerateOptions& given) {
  GenerateOptions options = given;
  auto model = resolve_model(context, options.model);
  if (!model) return report_with_remedy(model.error(), "");
  options.model = *std::move(model);
  const auto client = context.running_client();
  if (!client) return report(client.error());
  return chat_loop(context, *client, options);
}

constexpr int kTokensMax = 1 << 30;

void declare_sampling(CLI::App& sub, GenerateOptions& o) {
  sub.add_option("--max-tokens", o.max_tokens, "at most this many tokens")
      ->type_name("N")
      ->check(CLI::Range(0, kTokensMax));
  sub.add_option("--temperature", o.temperature, "0 = always the likeliest token (default 0.8)")
      ->type_name("T")
      ->check(CLI::Range(0.0, 2.0));
  sub.add_option("--top-p", o.top_p, "keep the likeliest tokens up to this probability (default 0.95)")
      ->type_name("P")
      ->check(CLI::Range(0.0, 1.0));
  sub.add_option("--top-k", o.top_k, "keep this many tokens (default 40; 0 = all)")
      ->type_name("K")
      ->check(CLI::Range(0, kTokensMax));
  sub.add_option("--seed", o.seed, "the same seed gives the same answer")
      ->type_name("S")
      ->check(CLI::Range(0LL, std::numeric_limits<long long>::max()));
  sub.add_option("--stop", o.stop, "end the answer before this text (repeat)")
      ->type_name("S")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
}

}  // namespace

void add_run(CLI::App& app, Command& command) {
  add_command<RunOptions>(
      app, command, "run", "one answer, streamed; without a prompt on a terminal: chat",
      [](CLI::App& sub, RunOptions& o) {
        sub.add_option("MODEL", o.model, "model id, or the path of a GGUF file")->required();
        sub.add_option("PROMPT", o.prompt, "what to ask; without it, standard input is read");
        sub.add_option("--system", o.system, "system message")->type_name("S");
        declare_sampling(sub, o);
      },
      run_command);
}

void add_chat(CLI::App& app, Command& command) {
  add_command<GenerateOptions>(
      app, command, "chat", "conversation with history",
      [](CLI::App& sub, GenerateOptions& o) {
        sub.add_option("MODEL", o.model, "model id, or the path of a GGUF file")->required();
        sub.add_option("--system", o.system, "system message")->type_name("S");
        declare_sampling(sub, o);
      },
      chat_command);
}

}  // namespace hearth::cli
