// Templates in Go's language through ChatTemplate: the well-known formats, each also against jinja's rendering of it.
#include <gtest/gtest.h>
#include <stdexcept>
#include <vector>

#include "chat/template.hpp"

namespace hearth::chat {
namespace {

using domain::Role;
using enum domain::Role;

domain::Message message(Role role, std::vector<domain::Part> parts) {
  return {.role = role, .parts = std::move(parts)};
}
domain::Message text(Role role, const std::string& said) { return message(role, {domain::TextPart{said}}); }

domain::ChatRequest request(std::vector<domain::Message> messages) {
  domain::ChatRequest chat;
  chat.messages = std::move(messages);
  return chat;
}

ChatTemplate make(const std::string& source) {
  auto made = ChatTemplate::create(source, "", "</s>");
  if (!made) throw std::runtime_error(made.error().message);
  return *std::move(made);
}

std::string rendered(const ChatTemplate& chat, const domain::ChatRequest& r) {
  const auto result = chat.render(r);
  return result ? result->prompt : "error: " + result.error().message;
}

// A format in Go's language (as turns of .Prompt and .Response, and as .Messages) and in jinja.
struct Format {
  const char* name;
  std::vector<const char*> go;
  const char* jinja;
  const char* expected;  // of talk()
};

domain::ChatRequest talk() {
  return request({text(kSystem, "Be brief."), text(kUser, "Hi"), text(kAssistant, "Hello!"), text(kUser, "1+1?")});
}

const Format kFormats[] = {
    {"ChatML",
     {R"({{ if .System }}<|im_start|>system
{{ .System }}<|im_end|>
{{ end }}{{ if .Prompt }}<|im_start|>user
{{ .Prompt }}<|im_end|>
{{ end }}<|im_start|>assistant
{{ .Response }}<|im_end|>
)",
      R"({{- range $i, $m := .Messages }}
{{- $last := eq (len (slice $.Messages $i)) 1 -}}
<|im_start|>{{ .Role }}
{{ .Content }}{{ if not (and $last (eq .Role "assistant")) }}<|im_end|>
{{ end }}
{{- if and $last (ne .Role "assistant") }}<|im_start|>assistant
{{ end }}
{{- end }})"},
     "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
     "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
     "<|im_start|>system\nBe "
     "brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello!<|im_end|>\n"
     "<|im_start|>user\n1+1?<|im_end|>\n<|im_start|>assistant\n"},
    {"Llama 3",
     {"{{ if .System }}<|start_header_id|>system<|end_header_id|>\n\n{{ .System }}<|eot_id|>{{ end }}"
      "{{ if .Prompt }}<|start_header_id|>user<|end_header_id|>\n\n{{ .Prompt }}<|eot_id|>{{ end }}"
      "<|start_header_id|>assistant<|end_header_id|>\n\n{{ .Response }}<|eot_id|>",
      "{{ define \"head\" }}<|start_header_id|>{{ . }}<|end_header_id|>\n\n{{ end }}"
      "{{ range $i, $_ := .Messages }}{{ template \"head\" .Role }}{{ .Content }}"
      "{{ $last := eq (len (slice $.Messages $i)) 1 }}"
      "{{ if or (not $last) (ne .Role \"assistant\") }}<|eot_id|>{{ end }}"
      "{{ if and $last (ne .Role \"assistant\") }}{{ template \"head\" \"assistant\" }}{{ end }}{{ end }}"},
     "{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n{{ m.content }}<|eot_id|>{% endfor %}"
     "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}",
     "<|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHi"
     "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nHello!<|eot_id|>"
     "<|start_header_id|>user<|end_header_id|>\n\n1+1?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"},
    {"Mistral",
     {"[INST] {{ if .System }}{{ .System }}\n\n{{ end }}{{ .Prompt }}[/INST]{{ if .Response }} {{ end }}{{ .Response "
      "}}</s>",
      "{{- range $i, $m := .Messages }}"
      "{{- if eq .Role \"user\" }}[INST] {{ if and (le $i 1) $.System }}{{ $.System }}\n\n{{ end }}{{ .Content "
      "}}[/INST]"
      "{{- else if eq .Role \"assistant\" }} {{ .Content }}</s>{{ end }}"
      "{{- end }}"},
     "{% for m in messages %}{% if m.role == 'user' %}[INST] {% if loop.index0 <= 1 and messages[0].role == 'system' %}"
     "{{ messages[0].content }}\n\n{% endif %}{{ m.content }}[/INST]{% elif m.role == 'assistant' %} {{ m.content "
     "}}</s>"
     "{% endif %}{% endfor %}",
     "[INST] Be brief.\n\nHi[/INST] Hello!</s>[INST] 1+1?[/INST]"},
    {"Gemma",
     {"<start_of_turn>user\n{{ if .System }}{{ .System }}\n\n{{ end }}{{ .Prompt }}<end_of_turn>\n"
      "<start_of_turn>model\n{{ .Response }}<end_of_turn>\n",
      R"({{- $system := .System }}
{{- range $i, $m := .Messages }}
{{- if ne $m.Role "system" }}<start_of_turn>
{{- if eq $m.Role "assistant" }}model
{{ $m.Content }}<end_of_turn>
{{ else }}user
{{ with $system }}{{ . }}

{{ end }}{{ $m.Content }}<end_of_turn>
{{ $system = "" }}
{{- if eq (len (slice $.Messages $i)) 1 }}<start_of_turn>model
{{ end }}
{{- end }}
{{- end }}
{{- end }})"},
     "{% set ns = namespace(system='') %}{% for m in messages %}{% if m.role == 'system' %}"
     "{% set ns.system = m.content + '\n\n' %}{% else %}<start_of_turn>{{ 'model' if m.role == 'assistant' else 'user' "
     "}}\n"
     "{% if m.role == 'user' %}{{ ns.system }}{% set ns.system = '' %}{% endif %}{{ m.content }}<end_of_turn>\n{% "
     "endif %}"
     "{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}",
     "<start_of_turn>user\nBe brief.\n\nHi<end_of_turn>\n<start_of_turn>model\nHello!<end_of_turn>\n"
     "<start_of_turn>user\n1+1?<end_of_turn>\n<start_of_turn>model\n"},
    {"Phi 3",
     {"{{ if .System }}<|system|>\n{{ .System }}<|end|>\n{{ end }}{{ if .Prompt }}<|user|>\n{{ .Prompt }}<|end|>\n{{ "
      "end }}"
      "<|assistant|>\n{{ .Response }}<|end|>\n",
      "{{ range .Messages }}<|{{ .Role }}|>\n{{ .Content }}<|end|>\n{{ end }}<|assistant|>\n"},
     "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}<|end|>\n{% endfor %}"
     "{% if add_generation_prompt %}<|assistant|>\n{% endif %}",
     "<|system|>\nBe brief.<|end|>\n<|user|>\nHi<|end|>\n<|assistant|>\nHello!<|end|>\n<|user|>\n1+1?<|end|>\n"
     "<|assistant|>\n"},
};

TEST(GoPrompt, WellKnownFormats) {
  const std::vector<domain::ChatRequest> talks{
      talk(),
      request({text(kUser, "Hi")}),
      request({text(kSystem, "S"), text(kUser, "{{ .Prompt }} <|im_end|>\n\xF0\x9F\x98\x80")}),
      request({text(kUser, "a"), text(kAssistant, "b"), text(kUser, "c"), text(kAssistant, "d"), text(kUser, "e")}),
      request({text(kUser, "Tell me"), text(kAssistant, "Once upon ")}),
  };
  for (const auto& format : kFormats) {
    const auto jinja = make(format.jinja);
    for (const auto* source : format.go) {
      const auto go = make(source);
      EXPECT_EQ(go.source(), source);
      EXPECT_EQ(rendered(go, talk()), format.expected) << format.name;
      for (std::size_t i = 0; i < talks.size(); ++i)
        EXPECT_EQ(rendered(go, talks[i]), rendered(jinja, talks[i])) << format.name << ", talk " << i << "\n" << source;
    }
  }
}

// A format of Qwen's family: tools in the system message, calls and results in tags.
constexpr const char* kTools = R"({{- if or .System .Tools }}<|im_start|>system
{{ .System }}
{{- if .Tools }}

# Tools
<tools>
{{- range .Tools }}
{{ . }}
{{- end }}
</tools>
{{- end }}<|im_end|>
{{ end }}
{{- range $i, $_ := .Messages }}
{{- $last := eq (len (slice $.Messages $i)) 1 }}
{{- if eq .Role "user" }}<|im_start|>user
{{ .Content }}{{ if and $.IsThinkSet $last }}{{ if $.Think }} /think{{ else }} /no_think{{ end }}{{ end }}<|im_end|>
{{ else if eq .Role "assistant" }}<|im_start|>assistant
{{ if .Thinking }}<think>{{ .Thinking }}</think>
{{ end }}{{ .Content }}
{{- range .ToolCalls }}
<tool_call>
{"name": "{{ .Function.Name }}", "arguments": {{ .Function.Arguments }}}
</tool_call>
{{- end }}{{ if not $last }}<|im_end|>
{{ end }}
{{- else if eq .Role "tool" }}<|im_start|>user
<tool_response>
{{ .ToolName }}: {{ .Content }}
</tool_response><|im_end|>
{{ end }}
{{- if and (ne .Role "assistant") $last }}<|im_start|>assistant
{{ end }}
{{- end }})";

domain::ChatRequest with_tools() {
  auto asked = request(
      {text(kSystem, "S"), text(kUser, "Weather?"),
       message(kAssistant, {domain::ThinkingPart{"hm", ""}, domain::TextPart{"Let me see."},
                            domain::ToolCallPart{"c1", "weather", R"({"town":"Oslo","days":1000000,"a":["<"]})"}}),
       message(kTool, {domain::ToolResultPart{.id = "c1", .name = {}, .text = "7"}}),
       message(kTool, {domain::ToolResultPart{.id = "c1", .name = {}, .text = "8"}})});
  asked.tools = {{.name = "weather",
                  .description = "Of a town.",
                  .parameters = R"({"properties":{"town":{"description":"Where","type":"string","minLength":1},)"
                                R"("days":{"type":["integer","null"]}},"required":["town"],"type":"object"})"}};
  return asked;
}

TEST(GoPrompt, ToolsCallsAndResults) {
  const auto chat = make(kTools);
  EXPECT_TRUE(chat.shows_tools());
  EXPECT_EQ(
      rendered(chat, with_tools()),
      "<|im_start|>system\nS\n\n# Tools\n<tools>\n"
      R"({"type":"function","function":{"name":"weather","description":"Of a town.","parameters":{"type":"object",)"
      R"("required":["town"],"properties":{"days":{"type":["integer","null"]},)"
      R"("town":{"type":"string","description":"Where","minLength":1}}}}})"
      "\n</tools><|im_end|>\n<|im_start|>user\nWeather?<|im_end|>\n<|im_start|>assistant\n<think>hm</think>\n"
      "Let me see.\n<tool_call>\n"
      R"({"name": "weather", "arguments": {"a":["\u003c"],"days":1000000,"town":"Oslo"}})"
      "\n</tool_call><|im_end|>\n<|im_start|>user\n<tool_response>\nweather: 7\n</tool_response><|im_end|>\n"
      "<|im_start|>user\n<tool_response>\nweather: 8\n</tool_response><|im_end|>\n<|im_start|>assistant\n");
  auto none = with_tools();
  none.tool_choice.mode = domain::ToolChoice::Mode::kNone;
  EXPECT_EQ(rendered(chat, none).find("# Tools"), std::string::npos);
  auto broken = with_tools();
  broken.tools[0].parameters = "{";
  EXPECT_EQ(chat.render(broken).error().param, "tools[0].parameters");
  const auto without = make("{{ range .Messages }}{{ .Content }}{{ end }}");
  EXPECT_FALSE(without.shows_tools());
  EXPECT_EQ(without.render(with_tools()).error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(without.render(with_tools()).error().param, "tools");
}

TEST(GoPrompt, FieldsOfTools) {
  const auto chat = make(
      "{{ range .Tools }}{{ .Type }} {{ .Function.Name }}: {{ .Function.Description }} {{ .Function.Parameters.Type }} "
      "{{ .Function.Parameters.Required }}{{ range $name, $p := .Function.Parameters.Properties }} {{ $name }}: "
      "{{ $p.Type }}/{{ toTypeScriptType $p }} {{ $p.Description }}{{ end }}{{ end }}|{{ range .Messages }}"
      "{{ range .ToolCalls }}{{ .ID }}{{ .Function.Index }}{{ range $k, $v := .Function.Arguments }} {{ $k }}={{ $v }}"
      "{{ end }}{{ end }}{{ .ToolCallID }}{{ end }}|{{ .Messages | len }}{{ json (index .Messages 1) }}");
  EXPECT_EQ(rendered(chat, with_tools()),
            "function weather: Of a town. object [town] days: [integer null]/number | null  town: string/string Where|"
            "c10 a=[<] days=1e+06 town=Osloc1c1|5{\"role\":\"user\",\"content\":\"Weather?\"}");
}

TEST(GoPrompt, Thinking) {
  const auto chat = make("{{ .IsThinkSet }} {{ .Think }} [{{ .ThinkLevel }}]{{ range .Messages }}{{ end }}");
  auto r = request({text(kUser, "x")});
  using enum domain::Reasoning::Effort;
  for (const auto& [effort, expected] : {std::pair(kDefault, "false false []"),
                                         {kNone, "true false []"},
                                         {kMinimal, "true true [low]"},
                                         {kHigh, "true true [high]"}}) {
    r.reasoning.effort = effort;
    EXPECT_EQ(rendered(chat, r), expected);
  }
  r.reasoning.effort = kDefault;
  r.template_arguments = {{"enable_thinking", "false"}};
  EXPECT_EQ(rendered(chat, r), "true false []");
  r.template_arguments = {{"n", "2"}, {"word", "not json"}};
  EXPECT_EQ(rendered(make("{{ .n }} {{ .word }} {{ .none }}{{ range .Messages }}{{ end }}"), r),
            "2 not json <no value>");
  r.template_arguments = {{"Messages", "[]"}};
  EXPECT_EQ(chat.render(r).error().param, "template_arguments.Messages");
  const auto tools = make(kTools);
  auto no = request({text(kUser, "x")});
  no.reasoning.effort = kNone;
  EXPECT_EQ(rendered(tools, no), "<|im_start|>user\nx /no_think<|im_end|>\n<|im_start|>assistant\n");
}

TEST(GoPrompt, TurnsOfOlderTemplates) {
  const auto chat = make("{{ if .First }}^{{ end }}<{{ .System }}|{{ .Prompt }}|{{ .Response }}>");
  const auto of = [&](std::vector<domain::Message> messages) { return rendered(chat, request(std::move(messages))); };
  EXPECT_EQ(of({text(kUser, "a")}), "^<|a|");
  EXPECT_EQ(of({text(kSystem, "s")}), "^<s||");
  EXPECT_EQ(of({text(kUser, "a"), text(kUser, "b")}), "^<|a\n\nb|");
  EXPECT_EQ(of({text(kSystem, "s"), text(kSystem, "t"), text(kUser, "a"), text(kAssistant, "b"), text(kUser, "c")}),
            "^<s\n\nt|a|b><|c|");
  EXPECT_EQ(of({text(kUser, "a"), text(kAssistant, "b"), text(kSystem, "s"), text(kUser, "c")}), "^<|a|b><s|c|");
  EXPECT_EQ(of({text(kUser, "a"), text(kSystem, "s"), text(kUser, "c")}), "^<|a|><s|c|");
  EXPECT_EQ(of({text(kAssistant, "b"), text(kUser, "c")}), "^<||b><|c|");
  EXPECT_EQ(of({text(kUser, "a"), text(kAssistant, "b")}), "^<|a|b") << "the answer goes on";
  EXPECT_EQ(of({text(kUser, "a"), message(kAssistant, {domain::ToolCallPart{"1", "f", "{}"}}),
                message(kTool, {domain::ToolResultPart{.id = "1", .name = {}, .text = "r"}})}),
            "^<|a|><|r|")
      << "no place for calls; results are the user's";
  // Where there is no .Response, it stands at the end.
  EXPECT_EQ(rendered(make("<{{ .Prompt }}>"), request({text(kUser, "a"), text(kAssistant, "b"), text(kUser, "c")})),
            "<a>b<c>");
}

TEST(GoPrompt, MessagesOfOneRoleAreOne) {
  const auto chat = make("{{ .System }}{{ range .Messages }}[{{ .Role }}:{{ .Content }}]{{ end }}");
  EXPECT_EQ(rendered(chat, request({text(kSystem, "s"), text(kUser, "a"), text(kUser, "b"), text(kSystem, "t"),
                                    text(kUser, "c")})),
            "s\n\nt[system:s][user:a\n\nb][system:t][user:c]");
}

TEST(GoPrompt, WhatItCannotDoIsSaid) {
  const auto chat = make("{{ range .Messages }}{{ if eq .Role \"user\" }}{{ .Content }}{{ end }}{{ end }}");
  const auto said = request({text(kUser, "a"), text(kAssistant, "b")});
  EXPECT_EQ(chat.render(said).error().code, ErrorCode::kUnsupported)
      << "the answer is dropped, and cannot be continued";
  EXPECT_EQ(chat.render(said, Ending::kAnswer).error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(chat.render(request({text(kUser, "a")}), Ending::kClosed).error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(chat.render(request({text(kUser, "a")}), Ending::kAnswer)->prompt, "a");
  EXPECT_EQ(chat.render(request({})).error().param, "messages");
  const auto picture = chat.render(request({message(kUser, {domain::ImagePart{.data = "x"}})}));
  EXPECT_EQ(picture.error().code, ErrorCode::kUnsupported);
  const auto failing = make("a\n{{ range .Messages }}{{ .Rol }}{{ end }}").render(request({text(kUser, "x")}));
  ASSERT_FALSE(failing);
  EXPECT_EQ(failing.error().code, ErrorCode::kInvalidRequest);
  EXPECT_NE(failing.error().message.find("line 2: a message has no field 'Rol'"), std::string::npos)
      << failing.error().message;
  const auto endless =
      make("{{ range .Messages }}{{ range 1000000000 }}{{ end }}{{ end }}").render(request({text(kUser, "x")}));
  EXPECT_EQ(endless.error().code, ErrorCode::kInvalidRequest);
  const auto broken = ChatTemplate::create("{{ if .Prompt }}", "", "");
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().code, ErrorCode::kModelLoadFailed);
  EXPECT_NE(broken.error().message.find("line 1: {{if}} has no {{end}}"), std::string::npos);
}

TEST(GoPrompt, TheDayIsGiven) {
  const auto now = std::chrono::system_clock::from_time_t(1'793'000'000);  // 2026-10-26, or the day beside it
  const auto chat = make("{{ .Prompt }}{{ currentDate }} {{ yesterday }}");
  const auto prompt = chat.render(request({text(kUser, "")}), Ending::kAuto, now);
  ASSERT_TRUE(prompt);
  EXPECT_TRUE(prompt->prompt.starts_with("2026-10-2")) << prompt->prompt;
}

}  // namespace
}  // namespace hearth::chat
