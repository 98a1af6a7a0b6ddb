#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "dialect/anthropic/parse.hpp"
#include "dialect/common/parse.hpp"

namespace hearth::dialect::anthropic {
namespace {

using domain::Message;
using domain::Part;
using domain::Role;
using json::Item;
using json::Object;

// Blocks of tools that run on Anthropic's servers: they may come back in a conversation, and say nothing to a local
// model.
constexpr std::array<std::string_view, 9> kForeignBlocks{"search_result",
                                                         "server_tool_use",
                                                         "web_search_tool_result",
                                                         "web_fetch_tool_result",
                                                         "code_execution_tool_result",
                                                         "bash_code_execution_tool_result",
                                                         "text_editor_code_execution_tool_result",
                                                         "tool_search_tool_result",
                                                         "container_upload"};

bool is_foreign(const Item& item) {
  const auto* object = item.value().if_object();
  const auto* type = object != nullptr ? object->if_contains("type") : nullptr;
  const auto* name = type != nullptr ? type->if_string() : nullptr;
  return name != nullptr && std::ranges::find(kForeignBlocks, std::string_view(*name)) != kForeignBlocks.end();
}

struct Source {
  common::Media media;
  std::string text;  // of a source that is text itself
};

Source read_source(const Item& item, bool document) {
  Source out;
  item.object([&](Object& in) {
    const std::string type = in.required_text("type");
    if (!in.has("type")) return;
    if (type == "base64") {
      out.media.media_type = in.required_text("media_type");
      if (const auto data = in.require("data")) out.media.data = common::read_base64(*data);
    } else if (type == "url") {
      if (const auto url = in.require("url")) out.media = common::read_media_url(*url);
    } else if (type == "file") {
      out.media.url = "file-id:" + in.required_text("file_id");  // an uploaded file; nobody can fetch it yet
    } else if (document && type == "text") {
      in.text("media_type", out.media.media_type);
      out.media.data = in.required_text("data");
    } else {
      in.fail("type", document ? "must be base64, text, url or file" : "must be base64, url or file");
    }
  });
  return out;
}

Part read_image(Object& in) {
  domain::ImagePart image;
  if (const auto source = in.require("source")) {
    auto media = read_source(*source, false).media;
    image = {std::move(media.data), std::move(media.media_type), std::move(media.url)};
  }
  return image;
}

Part read_document(Object& in) {
  domain::FilePart file;
  if (const auto source = in.require("source")) {
    auto media = read_source(*source, true).media;
    file = {.data = std::move(media.data), .media_type = std::move(media.media_type), .url = std::move(media.url)};
  }
  in.text("title", file.name);
  in.ignore({"context", "citations"});
  return file;
}

Part read_tool_use(Object& in) {
  domain::ToolCallPart call{.id = in.required_text("id"), .name = in.required_text("name"), .arguments = "{}"};
  if (const auto input = in.get("input")) call.arguments = common::read_object_text(*input);
  return call;
}

void read_block(const Item& item, std::vector<Part>& out);

// content: a string or blocks.
void read_content(const Item& item, std::vector<Part>& out) {
  if (item.is_string()) {
    out.emplace_back(domain::TextPart{item.text()});
  } else if (item.is_array()) {
    item.each([&](const Item& block) { read_block(block, out); });
  } else {
    item.fail("must be a string or an array of blocks");
  }
}

// The result with its text; what is no text follows it as parts of their own.
void read_tool_result(Object& in, std::vector<Part>& out) {
  domain::ToolResultPart result{.id = in.required_text("tool_use_id")};
  in.boolean("is_error", result.is_error);
  std::vector<Part> content;
  if (const auto item = in.get("content")) read_content(*item, content);
  std::vector<Part> others;
  for (auto& part : content) {
    if (const auto* text = std::get_if<domain::TextPart>(&part))
      result.text += text->text;
    else
      others.push_back(std::move(part));
  }
  out.emplace_back(std::move(result));
  std::ranges::move(others, std::back_inserter(out));
}

void read_block(const Item& item, std::vector<Part>& out) {
  if (is_foreign(item)) {
    item.report().ignored.push_back(item.path());
    return;
  }
  item.object([&](Object& in) {
    const std::string type = in.required_text("type");
    if (!in.has("type")) return;
    in.ignore("cache_control");  // every prompt's prefix is cached anyway, but not for an agreed time
    if (type == "text") {
      out.emplace_back(domain::TextPart{in.required_text("text")});
      in.ignore("citations");
    } else if (type == "image") {
      out.push_back(read_image(in));
    } else if (type == "document") {
      out.push_back(read_document(in));
    } else if (type == "tool_use") {
      out.push_back(read_tool_use(in));
    } else if (type == "tool_result") {
      read_tool_result(in, out);
    } else if (type == "thinking") {
      domain::ThinkingPart thinking{.text = in.required_text("thinking")};
      in.text("signature", thinking.signature);
      out.emplace_back(std::move(thinking));
    } else if (type == "redacted_thinking") {
      out.emplace_back(domain::ThinkingPart{.text = {}, .signature = in.required_text("data")});
    } else {
      in.fail("type", "must be text, image, document, tool_use, tool_result, thinking or redacted_thinking");
    }
  });
}

// Adds parts to the turn that is open, or opens one.
void append(std::vector<Message>& out, std::size_t first, Role role, std::vector<Part> parts) {
  const bool same_turn = role != Role::kSystem && role != Role::kTool && out.size() > first && out.back().role == role;
  if (!same_turn) {
    out.push_back({role, std::move(parts)});
    return;
  }
  std::ranges::move(parts, std::back_inserter(out.back().parts));
}

// Other dialects have tool results as messages of their own, and so do the models' templates.
void append_split(std::vector<Message>& out, std::size_t first, Role role, std::vector<Part> parts) {
  std::vector<Part> plain;
  auto flush = [&] {
    if (!plain.empty()) append(out, first, role, std::exchange(plain, {}));
  };
  bool in_result = false;
  for (auto& part : parts) {
    if (std::holds_alternative<domain::ToolResultPart>(part)) {
      flush();
      append(out, first, Role::kTool, {std::move(part)});
      in_result = true;
    } else if (in_result && !std::holds_alternative<domain::TextPart>(part)) {
      out.back().parts.push_back(std::move(part));  // an image or file of that result
    } else {
      in_result = false;
      plain.push_back(std::move(part));
    }
  }
  flush();
}

void read_message(const Item& item, std::size_t first, std::vector<Message>& out) {
  item.object([&](Object& in) {
    const std::string role_name = in.required_text("role");
    std::vector<Part> parts;
    if (const auto content = in.require("content")) read_content(*content, parts);
    if (!in.has("role")) return;
    Role role = Role::kUser;
    if (role_name == "assistant")
      role = Role::kAssistant;
    else if (role_name == "system")
      role = Role::kSystem;
    else if (role_name != "user")
      return in.fail("role", "must be user, assistant or system");
    if (parts.empty())
      append(out, first, role, {});
    else
      append_split(out, first, role, std::move(parts));
  });
}

}  // namespace

void read_system(Object& in, std::vector<Message>& out) {
  const auto item = in.get("system");
  if (!item) return;
  Message message{Role::kSystem, {}};
  read_content(*item, message.parts);
  for (const auto& part : message.parts) {
    if (!std::holds_alternative<domain::TextPart>(part)) return item->fail("must be a string or text blocks");
  }
  if (!message.parts.empty()) out.push_back(std::move(message));
}

void read_messages(Object& in, std::vector<Message>& out) {
  const std::size_t first = out.size();
  const auto item = in.require("messages");
  if (!item) return;
  item->each([&](const Item& element) { read_message(element, first, out); });
  if (item->is_array() && out.size() == first) item->fail("must have at least one message");
}

}  // namespace hearth::dialect::anthropic
