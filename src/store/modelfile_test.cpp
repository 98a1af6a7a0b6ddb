#include "store/modelfile.hpp"

#include <gtest/gtest.h>

namespace hearth::store {
namespace {

using domain::Role;
using domain::TextPart;

TEST(Modelfile, EveryInstructionArrives) {
  const auto parsed = Modelfile::parse(
      "# a comment\r\n"
      "from ./model.gguf\r\n"
      "\n"
      "PARAMETER temperature 0.5\n"
      "  parameter stop <|end|>\n"
      "PARAMETER stop \"User: \"\n"
      "PARAMETER num_gpu 99\n"
      "SYSTEM \"\"\"\n"
      "You are \"kind\".\n"
      "# no comment here\n"
      "\"\"\"\n"
      "TEMPLATE {% for m in messages %}{{ m.content }}{% endfor %}\n"
      "MESSAGE user 1+1?\n"
      "MESSAGE assistant \"\"\"2\"\"\"\n"
      "LICENSE MIT\n"
      "LICENSE \"and more\"\n"
      "REQUIRES 0.14.0");
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->from, "./model.gguf");
  const auto& s = parsed->settings;
  EXPECT_EQ(s.system, "You are \"kind\".\n# no comment here\n");
  EXPECT_EQ(s.chat_template, "{% for m in messages %}{{ m.content }}{% endfor %}");
  using Line = domain::ModelSettings::Line;
  EXPECT_EQ(s.parameters,
            (std::vector<Line>{{"temperature", "0.5"}, {"stop", "<|end|>"}, {"stop", "User: "}, {"num_gpu", "99"}}));
  EXPECT_EQ(s.messages,
            (std::vector<domain::Message>{{Role::kUser, {TextPart{"1+1?"}}}, {Role::kAssistant, {TextPart{"2"}}}}));
  EXPECT_EQ(s.license, "MIT\n\nand more");
  EXPECT_EQ(parsed->without_effect, (std::vector<std::string>{"PARAMETER num_gpu", "REQUIRES 0.14.0"}));
  const auto again = Modelfile::parse(modelfile_text(parsed->from, s));
  ASSERT_TRUE(again) << again.error().message << modelfile_text(parsed->from, s);
  EXPECT_EQ(again->settings, s) << modelfile_text(parsed->from, s);
}

TEST(Modelfile, AByteOrderMarkIsPassedOver) {
  const auto parsed = Modelfile::parse(
      "\xEF\xBB\xBF"
      "FROM m\n");
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->from, "m");
}

TEST(Modelfile, SaysWhichLineIsWrong) {
  struct {
    const char* text;
    const char* message;
  } const cases[] = {
      {"", "no FROM"},
      {"SYSTEM hi", "no FROM"},
      {"FROM a\nFROM b", "line 2: a second FROM"},
      {"FROM", "line 1: FROM has no value"},
      {"FROM a\nSYSTEM \"\"\"x\ny", "line 2: SYSTEM begins with"},
      {"FROM a\nSYSTEM \"\"\"x\"\"\" y", "line 2: there is text after"},
      {"FROM a\nPARAMETER top_k", "line 2: PARAMETER has no value"},
      {"FROM a\nPARAMETER top_k many", "line 2: parameter 'top_k' has no use for 'many'"},
      {"FROM a\nPARAMETER warmth 1", "line 2: parameter 'warmth' is unknown"},
      {"FROM a\nMESSAGE tool x", "line 2: 'tool' is no role"},
      {"FROM a\nADAPTER ./x", "line 2: ADAPTER is not supported"},
      {"FROM a\n{\"x\": 1}", "line 2"},
      {"FROM a\nSYSTEM \xFF", "not UTF-8"},
  };
  for (const auto& c : cases) {
    const auto parsed = Modelfile::parse(c.text);
    ASSERT_FALSE(parsed) << c.text;
    EXPECT_NE(parsed.error().message.find(c.message), std::string::npos) << parsed.error().message;
  }
}

TEST(Modelfile, TemplatesInGosLanguage) {
  constexpr const char* kText = "\n{{- if .System }}<|system|>\n\"{{ .System }}\"\n{{ end }}\n{{ .Prompt }}\n";
  for (const std::string text :
       {kText, "{{ .Prompt }}", "\"{{ .Prompt }}\"", "x\n{{ .Prompt }}\"", "a \"{{ .Prompt }}\""}) {
    Modelfile file{.from = "a", .settings = {}, .without_effect = {}};
    file.settings.chat_template = text;
    const auto parsed = Modelfile::parse(modelfile_text("a", file.settings));
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(parsed->settings.chat_template, text);
    EXPECT_TRUE(parsed->without_effect.empty());
  }
  const auto broken = Modelfile::parse("FROM a\nTEMPLATE \"\"\"x\n{{ if .Prompt }}\n\"\"\"");
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().message,
            "Modelfile, line 2: TEMPLATE: the template cannot be used: line 2: {{if}} has no {{end}}");
  const auto rendered = Modelfile::parse("FROM a\nTEMPLATE {{ .Prompt }}\nRENDERER qwen3\nPARSER qwen3");
  ASSERT_TRUE(rendered);
  EXPECT_TRUE(rendered->settings.chat_template.empty());
  EXPECT_EQ(rendered->without_effect,
            (std::vector<std::string>{"RENDERER qwen3", "PARSER qwen3", "TEMPLATE beside RENDERER qwen3"}));
}

}  // namespace
}  // namespace hearth::store
