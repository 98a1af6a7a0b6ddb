#include <utility>

#include "base/strings.hpp"
#include "dialect/common/parse.hpp"
#include "dialect/openai/parse.hpp"

namespace hearth::dialect::openai {
namespace {

using domain::Message;
using domain::Part;
using domain::Role;
using json::Item;
using json::Object;

// image_url: {url, detail}, or the bare URL that loose clients send.
Part read_image(const Item& item) {
  common::Media media;
  if (item.is_string()) {
    media = common::read_media_url(item);
  } else {
    item.object([&](Object& in) {
      if (const auto url = in.require("url")) media = common::read_media_url(*url);
      in.ignore("detail");
    });
  }
  return domain::ImagePart{std::move(media.data), std::move(media.media_type), std::move(media.url)};
}

Part read_audio(const Item& item) {
  domain::AudioPart audio;
  item.object([&](Object& in) {
    if (const auto data = in.require("data")) audio.data = common::read_base64(*data);
    audio.format = in.required_text("format");
  });
  return audio;
}

Part read_file(const Item& item) {
  domain::FilePart file;
  item.object([&](Object& in) {
    in.text("filename", file.name);
    if (const auto data = in.get("file_data")) {
      read_file_data(*data, file);
    } else if (const auto id = in.get("file_id")) {
      file.url = "file-id:" + id->text();  // an uploaded file; nobody can fetch it yet
    } else {
      in.fail("file_data", "is required");
    }
  });
  return file;
}

std::optional<Part> read_part(const Item& item) {
  std::optional<Part> part;
  item.object([&](Object& in) {
    const std::string type = in.required_text("type");
    if (!in.has("type")) return;
    auto read_field = [&](std::string_view key, Part (*read)(const Item&)) {
      if (const auto field = in.require(key)) part = read(*field);
    };
    if (type == "text")
      part = domain::TextPart{in.required_text("text")};
    else if (type == "refusal")
      part = domain::RefusalPart{in.required_text("refusal")};
    else if (type == "image_url")
      read_field("image_url", read_image);
    else if (type == "input_audio")
      read_field("input_audio", read_audio);
    else if (type == "file")
      read_field("file", read_file);
    else
      in.fail("type", "must be text, image_url, input_audio, file or refusal");
  });
  return part;
}

// content: a string, parts, or nothing.
void read_content(Object& in, std::vector<Part>& parts, bool required) {
  const auto item = required ? in.require("content") : in.get("content");
  if (!item) return;
  if (item->is_string()) {
    parts.emplace_back(domain::TextPart{item->text()});
  } else if (item->is_array()) {
    item->each([&](const Item& element) {
      if (auto part = read_part(element)) parts.push_back(*std::move(part));
    });
  } else {
    item->fail("must be a string or an array of parts");
  }
}

domain::ToolCallPart read_function_call(Object& in) {
  domain::ToolCallPart call;
  call.name = in.required_text("name");
  call.arguments = "{}";
  if (const auto arguments = in.get("arguments")) call.arguments = common::read_arguments(*arguments);
  return call;
}

void read_tool_calls(Object& in, std::vector<Part>& parts) {
  in.each("tool_calls", [&](const Item& item) {
    item.object([&](Object& call) {
      std::string type = "function";  // loose clients leave it out
      call.text("type", type);
      if (type != "function") return call.fail("type", "must be \"function\"");
      call.accept("index");
      domain::ToolCallPart part;
      if (const auto function = call.require("function")) {
        function->object([&](Object& f) { part = read_function_call(f); });
      }
      call.text("id", part.id);
      parts.emplace_back(std::move(part));
    });
  });
  in.object("function_call", [&](Object& f) { parts.emplace_back(read_function_call(f)); });
}

void read_assistant(Object& in, Message& message) {
  std::string thinking;
  in.text("reasoning", thinking);
  in.text("reasoning_content", thinking);
  if (!thinking.empty()) message.parts.emplace_back(domain::ThinkingPart{.text = std::move(thinking)});
  read_content(in, message.parts, false);
  std::string refusal;
  in.text("refusal", refusal);
  if (!refusal.empty()) message.parts.emplace_back(domain::RefusalPart{std::move(refusal)});
  read_tool_calls(in, message.parts);
  in.ignore({"audio", "name"});
  in.accept("annotations");  // comes back with our own answers; says nothing to a model
}

// The text of a tool's answer; what is no text stays a part of its own.
void read_tool_result(Object& in, Message& message, std::string_view name_key) {
  domain::ToolResultPart result;
  in.text("tool_call_id", result.id);
  in.text(name_key, result.name);
  std::vector<Part> parts;
  read_content(in, parts, true);
  std::vector<Part> others;
  for (auto& part : parts) {
    if (const auto* text = std::get_if<domain::TextPart>(&part))
      result.text += text->text;
    else
      others.push_back(std::move(part));
  }
  message.parts.emplace_back(std::move(result));
  message.parts.insert(message.parts.end(), std::make_move_iterator(others.begin()),
                       std::make_move_iterator(others.end()));
}

Message read_message(const Item& item) {
  Message message;
  item.object([&](Object& in) {
    const std::string role = in.required_text("role");
    if (!in.has("role")) return;
    if (role == "system" || role == "developer") {
      message.role = Role::kSystem;
      read_content(in, message.parts, true);
      in.ignore("name");
    } else if (role == "user") {
      read_content(in, message.parts, true);
      in.ignore("name");
    } else if (role == "assistant") {
      message.role = Role::kAssistant;
      read_assistant(in, message);
    } else if (role == "tool" || role == "function") {
      message.role = Role::kTool;
      read_tool_result(in, message, "name");
    } else {
      in.fail("role", "must be system, developer, user, assistant, tool or function");
    }
  });
  return message;
}

}  // namespace

void read_file_data(const Item& item, domain::FilePart& out) {
  if (item.is_string() && base::starts_with_ignore_case(item.text(), "data:")) {
    common::Media media = common::read_media_url(item);
    out.data = std::move(media.data);
    out.media_type = std::move(media.media_type);
  } else {
    out.data = common::read_base64(item);
  }
}

void read_messages(Object& in, std::vector<Message>& out) {
  const auto item = in.require("messages");
  if (!item) return;
  item->each([&](const Item& element) { out.push_back(read_message(element)); });
  if (item->is_array() && out.empty()) item->fail("must have at least one message");
}

}  // namespace hearth::dialect::openai
