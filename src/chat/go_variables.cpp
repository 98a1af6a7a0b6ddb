#include "chat/go_variables.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <utility>

#include "chat/variables.hpp"
#include "json/reader.hpp"

namespace hearth::chat {
namespace {

using go::RecordData;
using go::Value;

// Fields of a schema that templates may name, in the order that Ollama writes them in.
struct Known {
  std::string_view json;
  std::string_view name;
};
constexpr std::array<Known, 5> kParameters{Known{"type", "Type"}, Known{"$defs", "Defs"}, Known{"items", "Items"},
                                           Known{"required", "Required"}, Known{"properties", "Properties"}};
constexpr std::array<Known, 7> kProperty{Known{"anyOf", "AnyOf"},      Known{"type", "Type"},
                                         Known{"items", "Items"},      Known{"description", "Description"},
                                         Known{"enum", "Enum"},        Known{"properties", "Properties"},
                                         Known{"required", "Required"}};

Value schema(const json::Value& value, std::string_view type, std::span<const Known> known);

Value property(const json::Value& value) { return schema(value, "property", kProperty); }

Value properties(const json::Value& value) {
  GoVariables out;
  for (const auto& [name, element] : value.get_object()) out.insert_or_assign(std::string(name), property(element));
  return Value::map(std::move(out), true);
}

Value part(std::string_view key, const json::Value& value) {
  if (key == "properties" && value.is_object()) return properties(value);
  if (key != "anyOf" || !value.is_array()) return Value::of_json(value);
  std::vector<Value> out;
  for (const auto& element : value.get_array()) out.push_back(property(element));
  return Value::list(std::move(out));
}

// What a field of a schema is where the client gave none: an empty text where Go has a string.
Value absent(std::string_view key) { return key == "type" || key == "description" ? Value("") : Value(); }

// What Ollama does not know of a schema stands last, as the client has it.
Value schema(const json::Value& value, std::string_view type, std::span<const Known> known) {
  if (!value.is_object()) return Value::of_json(value);
  const auto& object = value.get_object();
  RecordData out{.type = std::string(type), .fields = {}, .prints_json = true};
  for (const auto& [key, name] : known) {
    const auto found = object.find(key);
    out.fields.push_back({.name = std::string(name),
                          .json = std::string(key),
                          .omit_empty = true,
                          .value = found == object.end() ? absent(key) : part(key, found->value())});
  }
  for (const auto& [key, element] : object) {
    if (std::ranges::find(known, std::string_view(key), &Known::json) == known.end())
      out.fields.push_back({.name = {}, .json = std::string(key), .value = Value::of_json(element)});
  }
  return Value::record(std::move(out));
}

Value parameters(const json::Value& value) {
  auto object = value.get_object();
  if (!object.contains("properties")) object["properties"].emplace_object();
  auto out = *schema(object, "parameters", kParameters).as<go::Record>()->data;
  for (auto& field : out.fields) field.omit_empty = field.json != "type" && field.json != "properties";
  return Value::record(std::move(out));
}

Result<Value> tools(const domain::ChatRequest& request) {
  std::vector<Value> out;
  for (std::size_t i = 0; i < request.tools.size() && offers_tools(request); ++i) {
    const domain::Tool& tool = request.tools[i];
    const auto parsed = json::parse(parameters_of(tool));
    if (!parsed || !parsed->is_object())
      return fail(ErrorCode::kInvalidRequest, "a tool's parameters must be a JSON schema",
                  fmt::format("tools[{}].parameters", i));
    RecordData function{.type = "function", .fields = {}, .prints_json = true};
    function.fields = {
        {.name = "Name", .json = "name", .value = Value(tool.name)},
        {.name = "Description", .json = "description", .omit_empty = true, .value = Value(tool.description)},
        {.name = "Parameters", .json = "parameters", .value = parameters(*parsed)}};
    RecordData shown{.type = "tool", .fields = {}, .prints_json = true};
    shown.fields = {{.name = "Type", .json = "type", .value = Value("function")},
                    {.name = "Function", .json = "function", .value = Value::record(std::move(function))}};
    out.push_back(Value::record(std::move(shown)));
  }
  return Value::list(std::move(out), true);
}

Value arguments(const std::string& text) {
  const auto parsed = json::parse(text.empty() ? "{}" : text);
  if (!parsed || !parsed->is_object()) return Value(text);
  GoVariables out;
  for (const auto& [name, element] : parsed->get_object())
    out.insert_or_assign(std::string(name), Value::of_json(element));
  return Value::map(std::move(out), true);
}

Value calls(const std::vector<domain::ToolCallPart>& all) {
  std::vector<Value> out;
  for (const auto& call : all) {
    RecordData function{.type = "call", .fields = {}, .prints_json = true};
    function.fields = {{.name = "Index", .json = {}, .value = Value(static_cast<std::int64_t>(out.size()))},
                       {.name = "Name", .json = "name", .value = Value(call.name)},
                       {.name = "Arguments", .json = "arguments", .value = arguments(call.arguments)}};
    RecordData shown{.type = "tool call", .fields = {}, .prints_json = true};
    shown.fields = {{.name = "ID", .json = "id", .omit_empty = true, .value = Value(call.id)},
                    {.name = "Function", .json = "function", .value = Value::record(std::move(function))}};
    out.push_back(Value::record(std::move(shown)));
  }
  return Value::list(std::move(out), true);
}

// Ollama's words for how hard to think.
std::string_view level(domain::Reasoning::Effort effort) {
  return effort == domain::Reasoning::Effort::kMinimal ? "low" : effort_name(effort);
}

}  // namespace

Result<GoVariables> go_variables(const domain::ChatRequest& request) {
  static constexpr std::string_view kOwn[] = {"Messages", "System", "Prompt", "Response", "Suffix", "Tools", "First"};
  GoVariables out;
  out["Think"] = Value(false);
  out["IsThinkSet"] = Value(false);
  for (const auto& [name, text] : extra_variables(request)) {
    if (std::ranges::find(kOwn, name) != std::end(kOwn))
      return fail(ErrorCode::kInvalidRequest, "this template variable is set from the request itself",
                  "template_arguments." + name);
    HEARTH_TRY(const auto parsed, json::parse(text));
    if ((name == "enable_thinking" || name == "thinking") && parsed.is_bool()) {
      out["Think"] = Value(parsed.get_bool());
      out["IsThinkSet"] = Value(true);
    }
    out[name] = Value::of_json(parsed);
  }
  out.try_emplace("ThinkLevel", level(request.reasoning.effort));
  HEARTH_TRY(out["Tools"], tools(request));
  return out;
}

go::Value go_messages(std::span<const Entry> entries) {
  std::vector<Value> out;
  for (const auto& entry : entries) {
    RecordData message{.type = "message", .fields = {}};
    message.fields = {
        {.name = "Role", .json = "role", .value = Value(entry.role)},
        {.name = "Content", .json = "content", .value = Value(entry.content)},
        {.name = "Thinking", .json = "thinking", .omit_empty = true, .value = Value(entry.thinking)},
        {.name = "Images", .json = "images", .omit_empty = true, .value = Value::list({})},
        {.name = "ToolCalls", .json = "tool_calls", .omit_empty = true, .value = calls(entry.calls)},
        {.name = "ToolName", .json = "tool_name", .omit_empty = true, .value = Value(entry.tool_name)},
        {.name = "ToolCallID", .json = "tool_call_id", .omit_empty = true, .value = Value(entry.tool_call_id)}};
    out.push_back(Value::record(std::move(message)));
  }
  return Value::list(std::move(out));
}

}  // namespace hearth::chat
