#include <iterator>
#include <utility>

#include "base/strings.hpp"
#include "dialect/common/parse.hpp"
#include "dialect/ollama/parse.hpp"

namespace hearth::dialect::ollama {
namespace {

using domain::Message;
using domain::Part;
using domain::Role;
using json::Item;
using json::Object;

void read_tool_calls(Object& in, std::vector<Part>& parts) {
  in.each("tool_calls", [&](const Item& item) {
    item.object([&](Object& call) {
      domain::ToolCallPart part{.arguments = "{}"};
      call.text("id", part.id);
      call.accept("type");
      if (const auto function = call.require("function")) {
        function->object([&](Object& f) {
          part.name = f.required_text("name");
          if (const auto arguments = f.get("arguments")) part.arguments = common::read_arguments(*arguments);
          f.accept("index");
        });
      }
      parts.emplace_back(std::move(part));
    });
  });
}

void read_tool_result(Object& in, Message& message, std::string content) {
  domain::ToolResultPart result{.text = std::move(content)};
  in.text("tool_call_id", result.id);
  in.text("name", result.name);
  in.text("tool_name", result.name);
  message.parts.emplace_back(std::move(result));
}

Message read_message(const Item& item) {
  Message message;
  item.object([&](Object& in) {
    const std::string role = base::to_lower(in.required_text("role"));
    if (!in.has("role")) return;
    std::string content;
    in.text("content", content);
    if (role == "tool") {
      message.role = Role::kTool;
      return read_tool_result(in, message, std::move(content));
    }
    if (role == "system")
      message.role = Role::kSystem;
    else if (role == "assistant")
      message.role = Role::kAssistant;
    else if (role != "user")
      return in.fail("role", "must be system, user, assistant or tool");
    if (!content.empty()) message.parts.emplace_back(domain::TextPart{std::move(content)});
    read_images(in, message.parts);
    std::string thinking;
    in.text("thinking", thinking);
    if (!thinking.empty())
      message.parts.insert(message.parts.begin(), domain::ThinkingPart{.text = std::move(thinking)});
    read_tool_calls(in, message.parts);
  });
  return message;
}

}  // namespace

void read_images(Object& in, std::vector<Part>& parts) {
  std::vector<Part> images;
  in.each("images", [&](const Item& item) { images.push_back(common::media_part(common::read_base64(item))); });
  parts.insert(parts.begin(), std::make_move_iterator(images.begin()), std::make_move_iterator(images.end()));
}

void read_messages(Object& in, std::vector<Message>& out) {
  in.each("messages", [&](const Item& item) { out.push_back(read_message(item)); });
}

void read_tools(Object& in, std::vector<domain::Tool>& out) {
  in.each("tools", [&](const Item& item) {
    item.object([&](Object& tool) {
      std::string type = "function";
      tool.text("type", type);
      if (type != "function") return tool.fail("type", "must be \"function\"");
      tool.ignore("items");
      if (const auto function = tool.require("function")) {
        function->object([&](Object& f) {
          domain::Tool read{.name = f.required_text("name")};
          f.text("description", read.description);
          if (const auto parameters = f.get("parameters")) read.parameters = common::read_object_text(*parameters);
          out.push_back(std::move(read));
        });
      }
    });
  });
}

}  // namespace hearth::dialect::ollama
