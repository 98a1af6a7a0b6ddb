#include <cstdio>
#include <fmt/format.h>
#include <utility>

#include "base/files.hpp"
#include "base/strings.hpp"
#include "cli/generate.hpp"
#include "cli/line_editor.hpp"
#include "cli/terminal.hpp"
#include "dialect/native/native.hpp"
#include "domain/answer.hpp"

namespace hearth::cli {
namespace {

constexpr std::string_view kHelp =
    "/help            this list\n"
    "/system TEXT     set the system message (none: show it)\n"
    "/reset           forget the conversation\n"
    "/save FILE       write the conversation to FILE\n"
    "/load FILE       read a conversation from FILE\n"
    "/exit            leave (also Ctrl-D); Ctrl-C stops an answer, or drops the line\n";

// One line of a file or pipe; nothing at its end.
std::optional<std::string> read_plain_line() {
  std::string out;
  int c = 0;
  while ((c = std::fgetc(stdin)) != EOF && c != '\n') out += static_cast<char>(c);
  if (c == EOF && out.empty()) return std::nullopt;
  return out;
}

class Chat {
 public:
  Chat(Context& context, const sdk::Client& client, GenerateOptions options)
      : context_(context), client_(client), options_(std::move(options)) {
    options_.truncate = true;
  }

  int loop() {
    std::optional<LineEditor> editor;
    if (stdin_is_terminal()) {
      editor.emplace(context_.home.root / "history");
      if (!context_.globals.quiet) fmt::print("{} - /help for commands, Ctrl-D to leave\n", options_.model);
    }
    while (const auto line = read_line(editor)) {
      const std::string text(base::trim(*line));
      if (text.empty()) continue;
      if (text.starts_with('/')) {
        if (!command(text)) break;
      } else if (!ask(text)) {
        return kExitFailed;
      }
    }
    return kExitOk;
  }

 private:
  static std::optional<std::string> read_line(std::optional<LineEditor>& editor) {
    if (!editor) return read_plain_line();
    auto line = editor->read("> ");
    if (!line) return std::nullopt;
    return std::move(line->text);
  }

  // false: the conversation cannot go on.
  bool ask(const std::string& text) {
    messages_.push_back({domain::Role::kUser, {domain::TextPart{text}}});
    const auto outcome = stream_chat(context_, client_, options_, messages_);
    if (!outcome) {
      messages_.pop_back();
      report(outcome.error());
      return outcome.error().code != ErrorCode::kModelNotFound && outcome.error().code != ErrorCode::kUnavailable;
    }
    messages_.push_back({domain::Role::kAssistant, {domain::TextPart{outcome->text}}});
    if (outcome->dropped > 0 && !std::exchange(told_, true))
      fmt::print(stderr,
                 "hearth: the conversation no longer fits the context: the oldest messages are left out; /reset begins "
                 "anew\n");
    return true;
  }

  // false: leave.
  bool command(const std::string& line) {
    const auto blank = line.find(' ');
    const std::string name = line.substr(0, blank);
    const std::string rest = blank == std::string::npos ? "" : std::string(base::trim(line.substr(blank)));
    if (name == "/exit" || name == "/bye" || name == "/quit") return false;
    if (name == "/help" || name == "/?")
      fmt::print("{}", kHelp);
    else if (name == "/reset")
      reset();
    else if (name == "/system")
      system(rest);
    else if (name == "/save")
      save(rest);
    else if (name == "/load")
      load(rest);
    else
      fmt::print(stderr, "hearth: no command {}; /help lists them\n", name);
    return true;
  }

  void reset() {
    messages_.clear();
    told_ = false;
  }

  void system(const std::string& text) {
    if (text.empty())
      fmt::print("{}\n", options_.system.empty() ? "(no system message)" : options_.system);
    else
      options_.system = text;
  }

  void save(const std::string& file) {
    if (file.empty()) return fmt::print(stderr, "hearth: /save needs a file name\n");
    domain::ChatRequest request;
    request.envelope.model = options_.model;
    if (!options_.system.empty())
      request.messages.push_back({domain::Role::kSystem, {domain::TextPart{options_.system}}});
    request.messages.insert(request.messages.end(), messages_.begin(), messages_.end());
    if (const auto done =
            base::write_file_atomically(base::expand_user(file), dialect::native::write_request(request) + "\n");
        !done)
      report(done.error());
  }

  void load(const std::string& file) {
    const auto text = base::read_file(base::expand_user(file));
    auto request = text ? dialect::native::read_request(*text) : Result<domain::Request>(std::unexpected(text.error()));
    if (!request) {
      report(request.error());
      return;
    }
    auto* chat = std::get_if<domain::ChatRequest>(&*request);
    if (chat == nullptr) return fmt::print(stderr, "hearth: {} is not a saved conversation\n", file);
    messages_ = std::move(chat->messages);
    if (!messages_.empty() && messages_.front().role == domain::Role::kSystem) {
      options_.system = domain::text_of(messages_.front());
      messages_.erase(messages_.begin());
    }
    fmt::print("{} messages\n", messages_.size());
  }

  Context& context_;
  const sdk::Client& client_;
  GenerateOptions options_;
  std::vector<domain::Message> messages_;
  bool told_ = false;  // that messages are left out
};

}  // namespace

int chat_loop(Context& context, const sdk::Client& client, const GenerateOptions& options) {
  return Chat(context, client, options).loop();
}

}  // namespace hearth::cli
