#include "chat/variables.hpp"

#include <fmt/format.h>
#include <map>
#include <utility>
#include <variant>
#include <vector>

#include "json/reader.hpp"
#include "json/writer.hpp"

namespace hearth::chat {
namespace {

// One message as a template sees it.
struct Entry {
  std::string role;
  std::string content;
  std::string thinking;
  std::vector<domain::ToolCallPart> calls;
  std::string tool_call_id;
  std::string tool_name;
};

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
                    .thinking = {},
                    .calls = {},
                    .tool_call_id = part.id,
                    .tool_name = part.name.empty() && named != names_.end() ? named->second : part.name});
    begin(role);
  }
  bool said(std::string& where, const std::string& text) { return touched_ = true, where += text, true; }
  bool take(const domain::TextPart& part) { return said(current_.content, part.text); }
  bool take(const domain::RefusalPart& part) { return said(current_.content, part.text); }
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

void write_content(json::Writer& w, std::string_view text, bool typed) {
  w.key("content");
  if (!typed) {
    w.value(text);
    return;
  }
  w.begin_array().begin_object().field("type", "text").field("text", text).end_object().end_array();
}

void write_calls(json::Writer& w, const std::vector<domain::ToolCallPart>& calls, bool as_object) {
  w.key("tool_calls").begin_array();
  for (const auto& call : calls) {
    w.begin_object();
    if (!call.id.empty()) w.field("id", call.id);
    w.field("type", "function").key("function").begin_object().field("name", call.name).key("arguments");
    const std::string arguments = call.arguments.empty() ? "{}" : call.arguments;
    if (as_object && json::parse(arguments))
      w.raw(arguments);
    else
      w.value(arguments);
    w.end_object().end_object();
  }
  w.end_array();
}

void write_message(json::Writer& w, const Entry& entry, const TemplateTraits& traits) {
  w.begin_object().field("role", entry.role);
  write_content(w, entry.content, traits.typed_content);
  if (!entry.thinking.empty()) {
    w.field("reasoning_content", entry.thinking);
    if (traits.thinking_field) w.field("thinking", entry.thinking);
  }
  if (!entry.calls.empty()) write_calls(w, entry.calls, traits.object_arguments);
  if (!entry.tool_call_id.empty()) w.field("tool_call_id", entry.tool_call_id);
  if (!entry.tool_name.empty()) w.field("name", entry.tool_name);
  w.end_object();
}

Result<void> write_tools(json::Writer& w, const domain::ChatRequest& request) {
  w.key("tools");
  if (request.tools.empty() || request.tool_choice.mode == domain::ToolChoice::Mode::kNone) {
    w.null();
    return {};
  }
  w.begin_array();
  for (std::size_t i = 0; i < request.tools.size(); ++i) {
    const domain::Tool& tool = request.tools[i];
    const std::string parameters = tool.parameters.empty() ? R"({"type":"object","properties":{}})" : tool.parameters;
    if (!json::parse(parameters))
      return fail(ErrorCode::kInvalidRequest, "a tool's parameters must be a JSON schema",
                  fmt::format("tools[{}].parameters", i));
    w.begin_object().field("type", "function").key("function").begin_object().field("name", tool.name);
    if (!tool.description.empty()) w.field("description", tool.description);
    w.key("parameters").raw(parameters).end_object().end_object();
  }
  w.end_array();
  return {};
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

// Variables by name as JSON; the request's own win. A value that is no JSON is taken as a string.
std::map<std::string, std::string> extra_variables(const domain::ChatRequest& request) {
  std::map<std::string, std::string> all;
  const auto effort = request.reasoning.effort;
  if (effort != domain::Reasoning::Effort::kDefault) {
    const bool thinks = effort != domain::Reasoning::Effort::kNone;
    all["enable_thinking"] = all["thinking"] = thinks ? "true" : "false";  // Qwen's name; Granite's and DeepSeek's
    if (thinks) json::append_quoted(all["reasoning_effort"], effort_name(effort));
  }
  for (const auto& [name, value] : request.template_arguments) {
    std::string& text = all[name];
    text.clear();
    if (json::parse(value))
      text = value;
    else
      json::append_quoted(text, value);
  }
  return all;
}

}  // namespace

Result<std::string> template_variables(const domain::ChatRequest& request, const TemplateTraits& traits,
                                       const PromptFrame& frame) {
  Splitter splitter;
  for (std::size_t i = 0; i < request.messages.size(); ++i) HEARTH_CHECK(splitter.add(request.messages[i], i));
  auto entries = std::move(splitter).take_all();
  if (entries.empty()) return fail(ErrorCode::kInvalidRequest, "a chat needs at least one message", "messages");
  entries.back().content += frame.append;
  json::Writer w;
  w.begin_object().key("messages").begin_array();
  for (const Entry& entry : entries) write_message(w, entry, traits);
  w.end_array();
  HEARTH_CHECK(write_tools(w, request));
  w.key("documents").null();
  w.field("bos_token", frame.bos)
      .field("eos_token", frame.eos)
      .field("add_generation_prompt", frame.add_generation_prompt);
  static constexpr std::string_view kOwn[] = {"messages", "tools", "bos_token", "eos_token", "add_generation_prompt"};
  for (const auto& [name, value] : extra_variables(request)) {
    for (const std::string_view own : kOwn) {
      if (name == own)
        return fail(ErrorCode::kInvalidRequest, "this template variable is set from the request itself",
                    "template_arguments." + name);
    }
    w.key(name).raw(value);
  }
  w.end_object();
  return std::move(w).take();
}

}  // namespace hearth::chat
