#include <algorithm>
#include <fmt/format.h>
#include <set>

#include "dialect/openai/parse.hpp"

// The tools of Responses: functions without a wrapper, and choices among them.
namespace hearth::dialect::openai {
namespace {

using domain::Tool;
using domain::ToolChoice;
using json::Item;
using json::Object;

constexpr std::string_view kHosted =
    "is a tool that this server does not have; it takes tools of type function, which the client runs";

// What `type` says, if it is not `wanted`: a tool of OpenAI's own, refused at its path.
bool is_of_type(Object& in, std::string_view wanted) {
  const auto type = in.require("type");
  if (!type) return false;
  const std::string name = type->text();
  if (name == wanted) return true;
  if (type->is_string()) refuse(*type, fmt::format("\"{}\" {}", name, kHosted));
  return false;
}

// {type: "allowed_tools", mode, tools}: the model is told of these alone, so it can call no other.
void read_allowed(Object& in, std::vector<Tool>& tools, ToolChoice& choice) {
  const auto mode = in.require("mode");
  if (mode && (!read_mode(mode->text(), choice) || choice.mode == ToolChoice::Mode::kNone))
    mode->fail("must be \"auto\" or \"required\"");
  std::set<std::string, std::less<>> names;
  in.each("tools", [&](const Item& item) {
    item.object([&](Object& allowed) {
      if (!is_of_type(allowed, "function")) return;
      const std::string name = allowed.required_text("name");
      if (std::ranges::none_of(tools, [&](const Tool& t) { return t.name == name; }))
        allowed.fail("name", "names a function that is not in the request");
      names.insert(name);
    });
  });
  std::erase_if(tools, [&](const Tool& tool) { return !names.contains(tool.name); });
}

void read_choice(Object& in, std::vector<Tool>& tools, ToolChoice& choice) {
  const auto item = in.get("tool_choice");
  if (!item) return;
  if (item->is_string()) {
    if (!read_mode(item->text(), choice))
      item->fail("must be \"none\", \"auto\", \"required\", a named function or allowed_tools");
    return;
  }
  if (!item->is_object()) return item->fail("must be a string or an object");
  item->object([&](Object& chosen) {
    if (const auto type = chosen.get("type"); type && type->is_string() && type->text() == "allowed_tools")
      return read_allowed(chosen, tools, choice);
    if (!is_of_type(chosen, "function")) return;
    choice.mode = ToolChoice::Mode::kNamed;
    choice.name = chosen.required_text("name");
  });
}

}  // namespace

void refuse(const Item& item, std::string_view problem) {
  if (item.report().error) return;
  item.report().error = Error{
      .code = ErrorCode::kUnsupported, .message = fmt::format("{} {}", item.path(), problem), .param = item.path()};
}

void read_flat_tools(Object& in, std::vector<Tool>& tools, ToolChoice& choice) {
  in.each("tools", [&](const Item& item) {
    item.object([&](Object& tool) {
      if (is_of_type(tool, "function")) tools.push_back(read_function(tool));
    });
  });
  read_choice(in, tools, choice);
  in.boolean("parallel_tool_calls", choice.parallel);
  check_choice(in, "tool_choice", tools, choice);
}

}  // namespace hearth::dialect::openai
