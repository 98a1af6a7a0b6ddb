#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "dialect/common/parse.hpp"
#include "dialect/openai/parse.hpp"

namespace hearth::dialect::openai {
namespace {

using domain::Message;
using domain::Part;
using domain::Role;
using json::Item;
using json::Object;

// Where an uploaded file would be; nobody can fetch it.
std::string file_address(const Item& id) { return "file-id:" + id.text(); }

Part read_input_image(Object& in) {
  domain::ImagePart image;
  if (const auto id = in.get("file_id")) {
    image.url = file_address(*id);
  } else if (const auto url = in.require("image_url")) {
    common::Media media = common::read_media_url(*url);
    image = {std::move(media.data), std::move(media.media_type), std::move(media.url)};
  }
  in.ignore("detail");
  return image;
}

Part read_input_file(Object& in) {
  domain::FilePart file;
  in.text("filename", file.name);
  if (const auto data = in.get("file_data")) {
    read_file_data(*data, file);
  } else if (const auto url = in.get("file_url")) {
    file.url = common::read_media_url(*url).url;
  } else if (const auto id = in.get("file_id")) {
    file.url = file_address(*id);
  } else {
    in.fail("file_data", "is required");
  }
  in.ignore("detail");
  return file;
}

Part read_input_audio(Object& in) {
  domain::AudioPart audio;
  if (const auto item = in.require("input_audio")) {
    item->object([&](Object& o) {
      if (const auto data = o.require("data")) audio.data = common::read_base64(*data);
      audio.format = o.required_text("format");
    });
  }
  return audio;
}

void read_part(const Item& item, std::vector<Part>& out) {
  item.object([&](Object& in) {
    const std::string type = in.required_text("type");
    if (!in.has("type")) return;
    if (type == "input_text" || type == "output_text" || type == "text") {
      out.emplace_back(domain::TextPart{in.required_text("text")});
      in.accept("annotations");  // come back with our own answers; say nothing to a model
      in.accept("logprobs");
    } else if (type == "refusal") {
      out.emplace_back(domain::RefusalPart{in.required_text("refusal")});
    } else if (type == "input_image") {
      out.push_back(read_input_image(in));
    } else if (type == "input_file") {
      out.push_back(read_input_file(in));
    } else if (type == "input_audio") {
      out.push_back(read_input_audio(in));
    } else {
      in.fail("type", "must be input_text, output_text, refusal, input_image, input_file or input_audio");
    }
  });
}

// A string, or parts.
std::vector<Part> read_parts(Object& in, std::string_view key) {
  std::vector<Part> out;
  const auto item = in.require(key);
  if (!item) return out;
  if (item->is_string())
    out.emplace_back(domain::TextPart{item->text()});
  else if (item->is_array())
    item->each([&](const Item& element) { read_part(element, out); });
  else
    item->fail("must be a string or an array of parts");
  return out;
}

// What an assistant says in one turn is several items here and one message to a template: thinking, then text, then
// calls. The last message, if the turn is still at that stage; else a new one.
template <class... Before>
Message& assistant_turn(std::vector<Message>& messages) {
  const auto is_before = [](const Part& part) { return (std::holds_alternative<Before>(part) || ...); };
  if (!messages.empty() && messages.back().role == Role::kAssistant &&
      std::ranges::all_of(messages.back().parts, is_before))
    return messages.back();
  return messages.emplace_back(Message{.role = Role::kAssistant, .parts = {}});
}

void append(Message& message, std::vector<Part> parts) {
  for (auto& part : parts) message.parts.push_back(std::move(part));
}

void read_message_item(Object& in, std::vector<Message>& out) {
  const std::string role = in.required_text("role");
  if (!in.has("role")) return;
  in.ignore("phase");
  if (role == "assistant") return append(assistant_turn<domain::ThinkingPart>(out), read_parts(in, "content"));
  if (role == "user" || role == "system" || role == "developer") {
    out.push_back({.role = role == "user" ? Role::kUser : Role::kSystem, .parts = read_parts(in, "content")});
    return;
  }
  in.fail("role", "must be user, assistant, system or developer");
}

void read_call_item(Object& in, std::vector<Message>& out) {
  domain::ToolCallPart call;
  call.id = in.required_text("call_id");
  call.name = in.required_text("name");
  if (const auto arguments = in.require("arguments")) call.arguments = common::read_arguments(*arguments);
  assistant_turn<domain::ThinkingPart, domain::TextPart, domain::RefusalPart, domain::ToolCallPart>(out)
      .parts.emplace_back(std::move(call));
}

// The text of a function's answer; what is no text stays a part of its own.
void read_output_item(Object& in, std::vector<Message>& out) {
  domain::ToolResultPart result;
  result.id = in.required_text("call_id");
  in.text("name", result.name);
  std::vector<Part> others;
  for (auto& part : read_parts(in, "output")) {
    if (const auto* text = std::get_if<domain::TextPart>(&part))
      result.text += text->text;
    else
      others.push_back(std::move(part));
  }
  Message& message = out.emplace_back(Message{.role = Role::kTool, .parts = {}});
  message.parts.emplace_back(std::move(result));
  append(message, std::move(others));
}

std::string read_texts_of(Object& in, std::string_view key) {
  std::string out;
  in.each(key, [&](const Item& item) {
    item.object([&](Object& part) {
      std::string type;
      part.text("type", type);
      out += part.required_text("text");
    });
  });
  return out;
}

void read_reasoning_item(Object& in, std::vector<Message>& out) {
  const std::string summary = read_texts_of(in, "summary");
  std::string text = read_texts_of(in, "content");
  in.ignore("encrypted_content");  // only who encrypted it can read it
  if (text.empty()) text = summary;
  if (text.empty()) return;
  assistant_turn<domain::ThinkingPart>(out).parts.emplace_back(
      domain::ThinkingPart{.text = std::move(text), .signature = {}});
}

void read_item(const Item& item, std::vector<Message>& out) {
  item.object([&](Object& in) {
    std::string type = "message";  // the short form has a role and content only
    in.text("type", type);
    in.accept("id");
    in.accept("status");
    if (type == "message")
      read_message_item(in, out);
    else if (type == "function_call")
      read_call_item(in, out);
    else if (type == "function_call_output")
      read_output_item(in, out);
    else if (type == "reasoning")
      read_reasoning_item(in, out);
    else if (const auto named = in.get("type"); named && type == "item_reference")
      refuse(*named, "is item_reference, but this server keeps no answers; send the item itself");
    else if (named)
      refuse(*named, fmt::format("is {}; taken are message, reasoning, function_call and function_call_output", type));
  });
}

}  // namespace

void read_input(Object& in, std::vector<Message>& out) {
  std::string instructions;
  in.text("instructions", instructions);
  if (!instructions.empty())
    out.push_back({.role = Role::kSystem, .parts = {domain::TextPart{std::move(instructions)}}});
  const auto input = in.require("input");
  if (!input) return;
  if (input->is_string()) {
    out.push_back({.role = Role::kUser, .parts = {domain::TextPart{input->text()}}});
    return;
  }
  if (!input->is_array()) return input->fail("must be a string or an array of items");
  const std::size_t before = out.size();
  input->each([&](const Item& item) { read_item(item, out); });
  if (out.size() == before) input->fail("must have at least one item that says something");
}

}  // namespace hearth::dialect::openai
