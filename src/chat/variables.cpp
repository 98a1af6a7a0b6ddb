#include "chat/variables.hpp"

#include <cstdint>
#include <fmt/format.h>
#include <map>
#include <utility>
#include <vector>

#include "chat/entries.hpp"
#include "json/reader.hpp"
#include "json/writer.hpp"

namespace hearth::chat {
namespace {

void write_content(json::Writer& w, std::string_view text, bool typed) {
  w.key("content");
  if (!typed) {
    w.value(text);
    return;
  }
  w.begin_array().begin_object().field("type", "text").field("text", text).end_object().end_array();
}

// For clients that have none (Ollama's): nine letters and digits, as Mistral's templates want, made of the tool's name.
std::string id_of(const std::string& id, const std::string& name, const TemplateTraits& traits) {
  constexpr std::size_t kLength = 9;
  constexpr std::string_view kDigits = "0123456789abcdefghijklmnopqrstuvwxyz";
  if (!id.empty() || !traits.needs_ids) return id;
  std::uint64_t hash = 14695981039346656037ULL;  // FNV-1a
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  std::string out;
  for (; out.size() < kLength; hash /= kDigits.size()) out += kDigits[hash % kDigits.size()];
  return out;
}

void write_calls(json::Writer& w, const std::vector<domain::ToolCallPart>& calls, const TemplateTraits& traits) {
  w.key("tool_calls").begin_array();
  for (const auto& call : calls) {
    w.begin_object();
    if (const std::string id = id_of(call.id, call.name, traits); !id.empty()) w.field("id", id);
    w.field("type", "function").key("function").begin_object().field("name", call.name).key("arguments");
    const std::string arguments = call.arguments.empty() ? "{}" : call.arguments;
    if (traits.object_arguments && json::parse(arguments))
      w.raw(arguments);
    else
      w.value(arguments);
    w.end_object().end_object();
  }
  w.end_array();
}

void write_message(json::Writer& w, const Entry& entry, const TemplateTraits& traits) {
  w.begin_object().field("role", entry.role);
  if (traits.null_content && !entry.calls.empty() && !entry.has_content && entry.content.empty())
    w.key("content").null();
  else
    write_content(w, entry.content, traits.typed_content);
  if (!entry.thinking.empty()) {
    w.field("reasoning_content", entry.thinking);
    if (traits.thinking_field) w.field("thinking", entry.thinking);
  }
  if (!entry.calls.empty()) write_calls(w, entry.calls, traits);
  if (entry.role == "tool") {
    const std::string id = id_of(entry.tool_call_id, entry.tool_name, traits);
    if (!id.empty()) w.field("tool_call_id", id);
  }
  if (!entry.tool_name.empty()) w.field("name", entry.tool_name);
  w.end_object();
}

Result<void> write_tools(json::Writer& w, const domain::ChatRequest& request) {
  w.key("tools");
  if (!offers_tools(request)) {
    w.null();
    return {};
  }
  w.begin_array();
  for (std::size_t i = 0; i < request.tools.size(); ++i) {
    const domain::Tool& tool = request.tools[i];
    const std::string parameters(parameters_of(tool));
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

}  // namespace

// A value that is no JSON is taken as a string.
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

Result<std::string> template_variables(const domain::ChatRequest& request, const TemplateTraits& traits,
                                       const PromptFrame& frame) {
  HEARTH_TRY(auto entries, entries_of(request));
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
