#include "domain/json/settings_json.hpp"

#include <gtest/gtest.h>

namespace hearth::domain {
namespace {

TEST(SettingsJson, SurvivesBeingWritten) {
  ModelSettings settings;
  for (const auto& [name, value] :
       {std::pair("temperature", "0.7"), std::pair("stop", "1"), std::pair("stop", "\"x\"\n"),
        std::pair("num_ctx", "4096"), std::pair("use_mmap", "true")})
    ASSERT_TRUE(settings.add(name, value));
  settings.system = "be \"kind\"";
  settings.chat_template = "{{ messages }}";
  settings.messages = {{Role::kUser, {TextPart{"a"}}}, {Role::kAssistant, {TextPart{"b"}}}};
  settings.license = "l";
  ModelSettings back;
  const auto report = json::read_object(settings_json(settings), [&](json::Object& in) { read_settings(in, back); });
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(back, settings) << settings_json(settings);
  EXPECT_TRUE(report->ignored.empty());
  EXPECT_EQ(settings_json({}), "{}");
}

TEST(SettingsJson, SaysWhatIsWrong) {
  struct {
    const char* text;
    const char* where;
  } const cases[] = {{R"({"parameters":{"top_k":"many"}})", "parameters.top_k"},
                     {R"({"parameters":{"stop":["a",""]}})", "parameters.stop[1]"},
                     {R"({"parameters":{"nonsense":1}})", "parameters.nonsense"},
                     {R"({"parameters":[1]})", "parameters"},
                     {R"({"messages":[{"role":"tool","content":"x"}]})", "messages[0].role"},
                     {R"({"messages":[{"content":"x"}]})", "messages[0].role"},
                     {R"({"system":1})", "system"}};
  for (const auto& c : cases) {
    ModelSettings settings;
    const auto report = json::read_object(c.text, [&](json::Object& in) { read_settings(in, settings); });
    ASSERT_FALSE(report) << c.text;
    EXPECT_EQ(report.error().param, c.where) << report.error().message;
  }
}

}  // namespace
}  // namespace hearth::domain
