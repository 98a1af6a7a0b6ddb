#include "chat/go_prompt.hpp"

#include <utility>
#include <vector>

#include "chat/entries.hpp"
#include "chat/go/template.hpp"
#include "chat/go_variables.hpp"

namespace hearth::chat {
namespace {

using go::Value;

void append(std::string& to, const std::string& text) {
  if (text.empty()) return;
  if (!to.empty()) to += "\n\n";
  to += text;
}

// Messages of one role that follow each other are one, but for results of tools, each of which answers its own call.
std::vector<Entry> joined(std::vector<Entry> entries) {
  std::vector<Entry> out;
  for (auto& entry : entries) {
    if (out.empty() || out.back().role != entry.role || entry.role == "tool") {
      out.push_back(std::move(entry));
      continue;
    }
    append(out.back().content, entry.content);
    append(out.back().thinking, entry.thinking);
    out.back().calls.insert(out.back().calls.end(), entry.calls.begin(), entry.calls.end());
  }
  return out;
}

// All system messages together.
std::string system_of(const std::vector<Entry>& entries) {
  std::string out;
  for (const auto& entry : entries) {
    if (entry.role == "system") append(out, entry.content);
  }
  return out;
}

// Renders a conversation turn by turn.
class Turns {
 public:
  Turns(const go::Template& of, GoVariables variables, go::Budget& budget)
      : template_(of), variables_(std::move(variables)), budget_(budget) {}

  Result<void> add(const Entry& entry) {
    if (entry.role == "system") {
      if (!prompt_.empty() || answered_) HEARTH_CHECK(flush(false));
      system_ = entry.content;
    } else if (entry.role == "assistant") {
      response_ = entry.content;
      answered_ = true;
    } else {
      if (answered_) HEARTH_CHECK(flush(false));
      prompt_ = entry.content;
    }
    return {};
  }
  Result<std::string> finish() && {
    HEARTH_CHECK(flush(true));
    return std::move(out_);
  }

 private:
  Result<void> flush(bool last) {
    auto data = variables_;
    data["System"] = Value(std::exchange(system_, {}));
    data["Prompt"] = Value(std::exchange(prompt_, {}));
    data["Response"] = Value(std::exchange(response_, {}));
    data["First"] = Value(std::exchange(first_, false));
    answered_ = false;
    return template_.render(Value::map(std::move(data)), budget_, out_, last);
  }

  const go::Template& template_;
  GoVariables variables_;
  go::Budget& budget_;
  std::string system_;
  std::string prompt_;
  std::string response_;
  bool answered_ = false;  // the turn has its response, which may be empty
  bool first_ = true;
  std::string out_;
};

class GoWriter final : public PromptWriter {
 public:
  explicit GoWriter(go::Template parsed)
      : template_(std::move(parsed)),
        whole_(template_.mentions("Messages")),
        shows_tools_(template_.mentions("Tools")) {
    if (!whole_ && !template_.mentions("Response")) template_.append_response();
  }

  Result<RenderedPrompt> write(const domain::ChatRequest& request, Ending ending, bool continued,
                               std::chrono::system_clock::time_point now) const override {
    HEARTH_TRY(auto entries, entries_of(request));
    if (ending == Ending::kClosed || (ending == Ending::kAnswer && entries.back().role == "assistant"))
      return fail(ErrorCode::kUnsupported, "this model's chat template always ends with an answer that is to go on",
                  "messages");
    if (continued) entries.back().content += kCut;
    HEARTH_TRY(auto variables, go_variables(request));
    auto prompt = whole_ ? at_once(std::move(entries), std::move(variables), now)
                         : by_turns(std::move(entries), std::move(variables), now);
    if (!prompt)
      return fail(prompt.error().code, "the model's chat template refused the conversation: " + prompt.error().message,
                  "messages");
    const auto finish = [](std::string text) { return RenderedPrompt{.prompt = std::move(text), .stops = {}}; };
    return continued ? cut(*std::move(prompt)).map(finish) : Result<RenderedPrompt>(finish(*std::move(prompt)));
  }
  Result<SharedAnswerFormat> format(const domain::ChatRequest& request, bool) const override {
    if (offers_tools(request))
      return fail(ErrorCode::kUnsupported, "how this model calls tools cannot be told from a template in Go's language",
                  "tools");
    return SharedAnswerFormat();
  }
  const std::string& source() const override { return template_.source(); }
  bool shows_tools() const override { return shows_tools_; }
  bool reads_tools() const override { return false; }
  bool reads_thinking() const override { return false; }

 private:
  using Time = std::chrono::system_clock::time_point;

  Result<std::string> at_once(std::vector<Entry> entries, GoVariables variables, Time now) const {
    variables["System"] = Value(system_of(entries));
    variables["Messages"] = go_messages(joined(std::move(entries)));
    variables["Response"] = Value("");
    go::Budget budget({}, now);
    std::string out;
    HEARTH_CHECK(template_.render(Value::map(std::move(variables)), budget, out));
    return out;
  }
  // Such a template has no place for results of tools: they are the user's.
  Result<std::string> by_turns(std::vector<Entry> entries, GoVariables variables, Time now) const {
    for (auto& entry : entries) {
      if (entry.role == "tool") entry.role = "user";
    }
    go::Budget budget({}, now);
    Turns turns(template_, std::move(variables), budget);
    for (const auto& entry : joined(std::move(entries))) HEARTH_CHECK(turns.add(entry));
    return std::move(turns).finish();
  }

  go::Template template_;
  bool whole_;
  bool shows_tools_;
};

}  // namespace

Result<std::unique_ptr<const PromptWriter>> make_go_writer(std::string source) {
  auto parsed = go::Template::parse(std::move(source));
  if (!parsed)
    return fail(ErrorCode::kModelLoadFailed,
                "the chat template cannot be used: " + parsed.error().message + "; give another one");
  return std::make_unique<const GoWriter>(*std::move(parsed));
}

}  // namespace hearth::chat
