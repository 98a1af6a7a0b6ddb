#include "chat/entries.hpp"

#include <fmt/format.h>
#include <map>
#include <utility>
#include <variant>

namespace hearth::chat {
namespace {

// Takes a conversation apart: each tool result becomes a message of its own, with the name of the tool it answers where
// the request leaves it out.
class Splitter {
 public:
  Result<void> add(const domain::Message& message, std::size_t index) {
    begin(message.role);
    bool results = false;
    for (std::size_t i = 0; i < message.parts.size(); ++i) {
      if (const auto* result = std::get_if<domain::ToolResultPart>(&message.parts[i])) {
        add_result(*result, message.role);
        results = true;
      } else if (!std::visit([this](const auto& part) { return take(part); }, message.parts[i])) {
        return fail(ErrorCode::kUnsupported, "this model takes text only, not images, audio or files",
                    fmt::format("messages[{}].content[{}]", index, i));
      }
    }
    if (touched_ || !results) out_.push_back(std::move(current_));
    return {};
  }
  std::vector<Entry> take_all() && { return std::move(out_); }

 private:
  void begin(domain::Role role) {
    current_ = {};
    current_.role = domain::to_string(role);
    touched_ = false;
  }
  void add_result(const domain::ToolResultPart& part, domain::Role role) {
    if (touched_) out_.push_back(std::move(current_));
    const auto named = names_.find(part.id);
    out_.push_back({.role = "tool",
                    .content = part.text,
                    .has_content = true,
                    .thinking = {},
                    .calls = {},
                    .tool_call_id = part.id,
                    .tool_name = part.name.empty() && named != names_.end() ? named->second : part.name});
    begin(role);
  }
  bool said(std::string& where, const std::string& text) { return touched_ = true, where += text, true; }
  bool take(const domain::TextPart& part) { return current_.has_content = said(current_.content, part.text); }
  bool take(const domain::RefusalPart& part) { return current_.has_content = said(current_.content, part.text); }
  bool take(const domain::ThinkingPart& part) { return said(current_.thinking, part.text); }
  bool take(const domain::ToolCallPart& part) {
    touched_ = true;
    names_[part.id] = part.name;
    current_.calls.push_back(part);
    return true;
  }
  template <class Other>
  bool take(const Other&) {
    return false;
  }

  std::vector<Entry> out_;
  Entry current_;
  bool touched_ = false;                      // something was said in current_
  std::map<std::string, std::string> names_;  // tool call id -> tool
};

}  // namespace

Result<std::vector<Entry>> entries_of(const domain::ChatRequest& request) {
  Splitter splitter;
  for (std::size_t i = 0; i < request.messages.size(); ++i) HEARTH_CHECK(splitter.add(request.messages[i], i));
  auto entries = std::move(splitter).take_all();
  if (entries.empty()) return fail(ErrorCode::kInvalidRequest, "a chat needs at least one message", "messages");
  return entries;
}

bool offers_tools(const domain::ChatRequest& request) {
  return !request.tools.empty() && request.tool_choice.mode != domain::ToolChoice::Mode::kNone;
}

std::string_view parameters_of(const domain::Tool& tool) {
  return tool.parameters.empty() ? R"({"type":"object","properties":{}})" : std::string_view(tool.parameters);
}

std::string_view effort_name(domain::Reasoning::Effort effort) {
  using enum domain::Reasoning::Effort;
  switch (effort) {
    case kMinimal: return "minimal";
    case kLow: return "low";
    case kMedium: return "medium";
    case kHigh: return "high";
    case kMax: return "max";
    case kDefault:
    case kNone: break;
  }
  return {};
}

}  // namespace hearth::chat
