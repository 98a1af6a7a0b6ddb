#include "domain/json/settings_json.hpp"

#include <algorithm>
#include <set>

#include "base/strings.hpp"

namespace hearth::domain {

namespace {

void add(const json::Item& item, const std::string& name, ModelSettings& out) {
  const auto& value = item.value();
  const std::string text = item.is_string() ? item.text() : json::to_text(value);
  if (const auto added = out.add(name, text); !added) item.fail(added.error().message);
}

// A number or a truth value as itself, anything else as text.
void write_value(json::Writer& w, const std::string& text) {
  const auto value = json::parse(text);
  if (value && (value->is_number() || value->is_bool()))
    w.raw(text);
  else
    w.value(text);
}

}  // namespace

std::optional<Role> role_of(std::string_view name) {
  const std::string known = base::to_lower(name);
  if (known == "system") return Role::kSystem;
  if (known == "user") return Role::kUser;
  if (known == "assistant") return Role::kAssistant;
  return std::nullopt;
}

void read_parameters(json::Object& in, ModelSettings& out) {
  for (const auto& name : in.keys()) {
    const auto item = in.get(name);
    if (!item) continue;
    if (item->is_array())
      item->each([&](const json::Item& element) { add(element, name, out); });
    else
      add(*item, name, out);
  }
}

void read_settings_messages(const json::Item& in, std::vector<Message>& out) {
  in.each([&](const json::Item& item) {
    item.object([&](json::Object& o) {
      const std::string role = o.required_text("role");
      const auto known = role_of(role);
      if (!known) o.fail("role", "must be system, user or assistant");
      std::string content;
      o.text("content", content);
      out.push_back({known.value_or(Role::kUser), {TextPart{std::move(content)}}});
    });
  });
}

void read_settings(json::Object& in, ModelSettings& out) {
  in.object("parameters", [&](json::Object& o) { read_parameters(o, out); });
  in.text("system", out.system);
  in.text("template", out.chat_template);
  if (const auto messages = in.get("messages")) read_settings_messages(*messages, out.messages);
  in.text("license", out.license);
}

void write_settings(json::Writer& w, const ModelSettings& settings) {
  if (!settings.parameters.empty()) {
    w.key("parameters").begin_object();
    std::set<std::string_view> written;
    for (const auto& line : settings.parameters) {
      if (!written.insert(line.name).second) continue;
      w.key(line.name);
      if (line.name != "stop") {
        write_value(w, line.value);
        continue;
      }
      w.begin_array();
      for (const auto& other : settings.parameters) {
        if (other.name == line.name) w.value(other.value);
      }
      w.end_array();
    }
    w.end_object();
  }
  if (!settings.system.empty()) w.field("system", settings.system);
  if (!settings.chat_template.empty()) w.field("template", settings.chat_template);
  if (!settings.messages.empty()) {
    w.key("messages").begin_array();
    for (const auto& message : settings.messages)
      w.begin_object().field("role", to_string(message.role)).field("content", text_of(message)).end_object();
    w.end_array();
  }
  if (!settings.license.empty()) w.field("license", settings.license);
}

std::string settings_json(const ModelSettings& settings) {
  json::Writer w;
  w.begin_object();
  write_settings(w, settings);
  w.end_object();
  return std::move(w).take();
}

}  // namespace hearth::domain
