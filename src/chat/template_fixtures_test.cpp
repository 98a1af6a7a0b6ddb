// Every template of the fixtures against every conversation: what transformers renders, this must render.
#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <ctime>
#include <filesystem>
#include <gtest/gtest.h>
#include <iomanip>
#include <iostream>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <variant>

#include "base/files.hpp"
#include "chat/template.hpp"
#include "json/reader.hpp"

namespace hearth::chat {
namespace {

using Json = json::Value;
const std::filesystem::path kFolder = std::filesystem::path(HEARTH_SHARED_DIR) / "fixtures/templates";

std::string text(const Json& value) { return std::string(value.as_string()); }

std::chrono::system_clock::time_point time_of(const std::string& iso) {
  std::tm parts{};
  std::istringstream(iso) >> std::get_time(&parts, "%Y-%m-%dT%H:%M:%S");
  parts.tm_isdst = -1;
  return std::chrono::system_clock::from_time_t(std::mktime(&parts));
}

std::optional<domain::Role> role_of(const std::string& name) {
  using enum domain::Role;
  for (const auto role : {kSystem, kUser, kAssistant, kTool})
    if (domain::to_string(role) == name) return role;
  return std::nullopt;
}

domain::Part part_of(const boost::json::object& in) {
  if (text(in.at("type")) == "text") return domain::TextPart{text(in.at("text"))};
  return domain::ImagePart{};
}

// Nothing if hearth's request cannot say it (other roles: each dialect refuses them).
std::optional<domain::Message> message_of(const boost::json::object& in) {
  const auto role = role_of(text(in.at("role")));
  if (!role) return std::nullopt;
  domain::Message out{.role = *role, .parts = {}};
  const Json content = in.contains("content") ? in.at("content") : Json();
  if (content.is_array()) {
    for (const Json& part : content.as_array()) out.parts.push_back(part_of(part.as_object()));
    return out;
  }
  const std::string said = content.is_null() ? "" : text(content);
  if (*role == domain::Role::kTool) {
    const auto field = [&](const char* key) { return in.contains(key) ? text(in.at(key)) : std::string(); };
    out.parts = {domain::ToolResultPart{.id = field("tool_call_id"), .name = field("name"), .text = said}};
    return out;
  }
  if (in.contains("reasoning_content"))
    out.parts.emplace_back(domain::ThinkingPart{.text = text(in.at("reasoning_content")), .signature = {}});
  if (!content.is_null()) out.parts.emplace_back(domain::TextPart{said});
  if (in.contains("tool_calls")) {
    for (const Json& call : in.at("tool_calls").as_array()) {
      const auto& function = call.at("function").as_object();
      const Json& arguments = function.at("arguments");
      out.parts.emplace_back(
          domain::ToolCallPart{.id = text(call.at("id")),
                               .name = text(function.at("name")),
                               .arguments = arguments.is_string() ? text(arguments) : json::to_text(arguments)});
    }
  }
  return out;
}

std::optional<domain::ChatRequest> request_of(const boost::json::object& arguments) {
  domain::ChatRequest request;
  for (const auto& [name, value] : arguments) {
    if (name == "messages") {
      for (const Json& message : value.as_array()) {
        auto made = message_of(message.as_object());
        if (!made) return std::nullopt;
        request.messages.push_back(*std::move(made));
      }
    } else if (name == "tools") {
      for (const Json& tool : value.as_array()) {
        const auto& function = tool.at("function").as_object();
        request.tools.push_back({.name = text(function.at("name")),
                                 .description = text(function.at("description")),
                                 .parameters = json::to_text(function.at("parameters"))});
      }
    } else if (name != "add_generation_prompt" && name != "continue_final_message") {
      request.template_arguments[std::string(name)] = json::to_text(value);
    }
  }
  return request;
}

struct Count {
  int equal = 0;
  int other_version = 0;
  int refused = 0;
  int pictures = 0;       // refused, because models take text only
  int tools_refused = 0;  // and equal without the tools, which the template would drop
  int inexpressible = 0;
  int different = 0;
};

// Where hearth differs: arguments of a call are JSON text in its requests, and a template that can take them as an
// object gets an object (that rendering is tool-call-dict's).
const std::set<std::string> kDifferent{"granite-roles.jinja/tool-call-string", "mistral-tools.jinja/tool-call-string"};

bool has_picture(const domain::ChatRequest& request) {
  return std::ranges::any_of(request.messages, [](const domain::Message& message) {
    return std::ranges::any_of(
        message.parts, [](const domain::Part& part) { return std::holds_alternative<domain::ImagePart>(part); });
  });
}

Ending ending_of(const boost::json::object& arguments) {
  if (arguments.contains("continue_final_message")) return Ending::kAuto;
  return arguments.contains("add_generation_prompt") ? Ending::kAnswer : Ending::kClosed;
}

void check(const std::string& where, const ChatTemplate& chat, const boost::json::object& test,
           std::chrono::system_clock::time_point now, Count& count) {
  const auto& arguments = test.at("arguments").as_object();
  auto request = request_of(arguments);
  if (!request) {
    ++count.inexpressible;
    return;
  }
  auto rendered = chat.render(*request, ending_of(arguments), now);
  if (test.contains("error")) {
    EXPECT_FALSE(rendered) << where << " should be refused, but gave: " << rendered->prompt;
    ++count.refused;
    return;
  }
  if (has_picture(*request)) {
    ASSERT_FALSE(rendered) << where;
    EXPECT_EQ(rendered.error().code, ErrorCode::kUnsupported) << where;
    ++count.pictures;
    return;
  }
  if (!request->tools.empty() && !chat.shows_tools()) {
    ASSERT_FALSE(rendered) << where;
    EXPECT_EQ(rendered.error().code, ErrorCode::kUnsupported) << where;
    request->tools.clear();
    rendered = chat.render(*request, ending_of(arguments), now);
    ++count.tools_refused;
  }
  ASSERT_TRUE(rendered) << where << ": " << rendered.error().message;
  const auto& other = test.contains("other_version") ? test.at("other_version").as_object() : boost::json::object();
  const bool equal = rendered->prompt == text(test.at("rendered"));
  if (kDifferent.contains(where)) {
    EXPECT_FALSE(equal) << where << " differs no longer: take it off the list";
    ++count.different;
  } else if (equal) {
    ++count.equal;
  } else if (other.contains("rendered") && rendered->prompt == text(other.at("rendered"))) {
    ++count.other_version;
  } else {
    ADD_FAILURE() << where << "\n  gave:     " << rendered->prompt << "\n  expected: " << text(test.at("rendered"));
  }
}

TEST(TemplateFixtures, RenderAsTransformersDoes) {
  if (!std::filesystem::exists(kFolder)) GTEST_SKIP() << "no fixtures in " << kFolder;
  Count count;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() != ".json") continue;
    const auto file = json::parse(base::read_file(entry.path()).value()).value();
    const std::string name = text(file.at("template"));
    const auto source = base::read_file(kFolder / name);
    ASSERT_TRUE(source);
    const auto chat = ChatTemplate::create(*source, text(file.at("bos_token")), text(file.at("eos_token")));
    ASSERT_TRUE(chat) << name << ": " << chat.error().message;
    for (const Json& test : file.at("cases").as_array())
      check(name + "/" + text(test.at("name")), *chat, test.as_object(), time_of(text(file.at("now"))), count);
  }
  std::cout << count.equal << " equal, " << count.tools_refused << " of them after tools were refused; "
            << count.other_version << " as the other version, " << count.refused << " refused as they should, "
            << count.pictures << " refused for pictures, " << count.inexpressible << " with roles nobody has, "
            << count.different << " known to differ\n";
  EXPECT_GE(count.equal, 450);
  EXPECT_EQ(count.different, static_cast<int>(kDifferent.size()));
}

}  // namespace
}  // namespace hearth::chat
