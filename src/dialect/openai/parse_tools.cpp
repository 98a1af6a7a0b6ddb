#include <algorithm>

#include "dialect/common/parse.hpp"
#include "dialect/openai/parse.hpp"

namespace hearth::dialect::openai {
namespace {

using domain::Tool;
using domain::ToolChoice;
using json::Item;
using json::Object;

Tool read_tool(const Item& item) {
  Tool tool;
  item.object([&](Object& in) {
    std::string type = "function";  // loose clients leave it out
    in.text("type", type);
    if (type != "function") return in.fail("type", "must be \"function\"");
    if (const auto function = in.require("function")) {
      function->object([&](Object& f) { tool = read_function(f); });
    }
  });
  return tool;
}

void read_name(Object& in, ToolChoice& choice) {
  choice.mode = ToolChoice::Mode::kNamed;
  choice.name = in.required_text("name");
}

void read_choice(const Item& item, ToolChoice& choice) {
  if (item.is_string()) {
    if (!read_mode(item.text(), choice)) item.fail("must be \"none\", \"auto\", \"required\" or a named function");
    return;
  }
  if (!item.is_object()) return item.fail("must be a string or an object");
  item.object([&](Object& in) {
    std::string type = "function";
    in.text("type", type);
    if (type != "function") return in.fail("type", "must be \"function\"");
    if (const auto function = in.require("function")) {
      function->object([&](Object& f) { read_name(f, choice); });
    }
  });
}

void read_old_choice(const Item& item, ToolChoice& choice) {
  if (item.is_string()) {
    if (item.text() == "required" || !read_mode(item.text(), choice))
      item.fail("must be \"none\", \"auto\" or {\"name\": ...}");
    return;
  }
  if (!item.is_object()) return item.fail("must be a string or an object");
  item.object([&](Object& in) { read_name(in, choice); });
}

}  // namespace

Tool read_function(Object& in) {
  Tool tool;
  tool.name = in.required_text("name");
  if (in.has("name") && tool.name.empty()) in.fail("name", "must not be empty");
  in.text("description", tool.description);
  if (const auto parameters = in.get("parameters")) tool.parameters = common::read_object_text(*parameters);
  in.boolean("strict", tool.strict);
  return tool;
}

bool read_mode(std::string_view word, ToolChoice& choice) {
  using enum ToolChoice::Mode;
  if (word == "auto")
    choice.mode = kAuto;
  else if (word == "none")
    choice.mode = kNone;
  else if (word == "required")
    choice.mode = kRequired;
  else
    return false;
  return true;
}

void check_choice(const Object& in, std::string_view field, const std::vector<Tool>& tools, const ToolChoice& choice) {
  using enum ToolChoice::Mode;
  if (choice.mode == kRequired && tools.empty()) in.fail(field, "asks for a tool, but there are none in the request");
  if (choice.mode == kNamed && std::ranges::none_of(tools, [&](const Tool& t) { return t.name == choice.name; }))
    in.fail(field, "names a function that is not in the request");
}

bool read_tools(Object& in, std::vector<Tool>& tools, ToolChoice& choice) {
  in.each("tools", [&](const Item& item) { tools.push_back(read_tool(item)); });
  bool old = false;
  in.each("functions", [&](const Item& item) {
    item.object([&](Object& f) { tools.push_back(read_function(f)); });
    old = true;
  });
  std::string_view field = "tool_choice";
  if (const auto item = in.get("function_call")) {
    read_old_choice(*item, choice);
    field = "function_call";
  }
  if (const auto item = in.get("tool_choice")) {
    read_choice(*item, choice);
    field = "tool_choice";
  }
  in.boolean("parallel_tool_calls", choice.parallel);
  check_choice(in, field, tools, choice);
  return old;
}

}  // namespace hearth::dialect::openai
