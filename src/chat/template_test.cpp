#include "chat/template.hpp"

#include <atomic>
#include <gtest/gtest.h>
#include <stdexcept>
#include <thread>
#include <vector>

namespace hearth::chat {
namespace {

using domain::Role;

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
  auto made = ChatTemplate::create(source, "<s>", "</s>");
  if (!made) throw std::runtime_error(made.error().message);
  return *std::move(made);
}

std::string rendered(const ChatTemplate& chat, const domain::ChatRequest& r, Ending ending = Ending::kAuto) {
  const auto result = chat.render(r, ending);
  return result ? result->prompt : "error: " + result.error().message;
}

TEST(Template, NoneInTheFileIsChatMl) {
  const auto chat = make("");
  EXPECT_TRUE(chat.is_default());
  EXPECT_EQ(rendered(chat, request({text(Role::kSystem, "Be brief."), text(Role::kUser, "Hi")})),
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_FALSE(make("{{ messages[0].content }}").is_default());
}

TEST(Template, EndsAsAsked) {
  const auto chat = make("");
  const auto said = request({text(Role::kUser, "Tell me"), text(Role::kAssistant, "Once upon")});
  EXPECT_EQ(rendered(chat, said), "<|im_start|>user\nTell me<|im_end|>\n<|im_start|>assistant\nOnce upon");
  EXPECT_TRUE(rendered(chat, said, Ending::kClosed).ends_with("Once upon<|im_end|>\n"));
  EXPECT_TRUE(rendered(chat, said, Ending::kAnswer).ends_with("Once upon<|im_end|>\n<|im_start|>assistant\n"));
  // An assistant that called a tool has finished.
  const auto called =
      request({text(Role::kUser, "x"), message(Role::kAssistant, {domain::ToolCallPart{"1", "f", "{}"}})});
  EXPECT_TRUE(rendered(chat, called).ends_with("<|im_start|>assistant\n"));
}

TEST(Template, AnAnswerThatTheTemplateDropsCannotBeContinued) {
  const auto chat = make("{% for m in messages if m.role == 'user' %}{{ m.content }}{% endfor %}");
  const auto result = chat.render(request({text(Role::kUser, "a"), text(Role::kAssistant, "b")}));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kUnsupported);
}

TEST(Template, PartsAreJoinedAndOthersRefused) {
  const auto chat = make("{% for m in messages %}[{{ m.role }}:{{ m.content }}]{% endfor %}");
  EXPECT_EQ(rendered(chat, request({message(Role::kUser, {domain::TextPart{"a"}, domain::TextPart{"b"}})})),
            "[user:ab]");
  const auto picture =
      chat.render(request({message(Role::kUser, {domain::TextPart{"a"}, domain::ImagePart{.data = "x"}})}));
  ASSERT_FALSE(picture);
  EXPECT_EQ(picture.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(picture.error().param, "messages[0].content[1]");
  EXPECT_EQ(chat.render(request({})).error().param, "messages");
}

TEST(Template, ToolHistoryBecomesMessages) {
  const auto chat = make(
      "{% for m in messages %}[{{ m.role }}:{{ m.content }}{% if m.tool_calls %}{% for c in m.tool_calls %}"
      "{{ c.id }}={{ c.function.name }}{{ c.function.arguments | tojson }}{% endfor %}{% endif %}"
      "{% if m.tool_call_id %}#{{ m.tool_call_id }} {{ m.name }}{% endif %}]{% endfor %}");
  // One message of the user with a result and a question, as Anthropic's clients send it.
  const auto history =
      request({text(Role::kUser, "Weather?"),
               message(Role::kAssistant, {domain::ToolCallPart{"c1", "weather", R"({"city":"Oslo"})"}}),
               message(Role::kUser,
                       {domain::ToolResultPart{.id = "c1", .name = {}, .text = "7"}, domain::TextPart{"And now?"}})});
  EXPECT_EQ(rendered(chat, history),
            "[user:Weather?][assistant:c1=weather{\"city\": \"Oslo\"}][tool:7#c1 weather][user:And now?]");
}

TEST(Template, ToolsGoToTemplatesThatShowThem) {
  auto asked = request({text(Role::kUser, "x")});
  asked.tools = {{.name = "f", .description = "d", .parameters = R"({"type":"object"})"}};
  const auto shows =
      make("{% if tools %}{% for t in tools %}<{{ t.function.name }}>{% endfor %}{% endif %}{{ messages[0].content }}");
  EXPECT_TRUE(shows.shows_tools());
  EXPECT_EQ(rendered(shows, asked), "<f>x");
  EXPECT_EQ(make("").render(asked).error().param, "tools");
  asked.tool_choice.mode = domain::ToolChoice::Mode::kNone;
  EXPECT_EQ(rendered(shows, asked), "x");
  asked.tool_choice = {};
  asked.tools[0].parameters = "{";
  EXPECT_EQ(shows.render(asked).error().param, "tools[0].parameters");
}

TEST(Template, ThinkingIsSwitchedAndPassedBack) {
  const auto chat = make(
      "{{ enable_thinking if enable_thinking is defined else 'default' }} {{ reasoning_effort }} "
      "{{ messages[-1].reasoning_content }}");
  auto r = request({message(Role::kUser, {domain::ThinkingPart{"hm", ""}, domain::TextPart{"x"}})});
  EXPECT_EQ(rendered(chat, r), "default  hm");
  r.reasoning.effort = domain::Reasoning::Effort::kNone;
  EXPECT_EQ(rendered(chat, r), "False  hm");
  r.reasoning.effort = domain::Reasoning::Effort::kHigh;
  EXPECT_EQ(rendered(chat, r), "True high hm");
}

TEST(Template, ArgumentsAreVariables) {
  const auto chat = make("{{ n + 1 }} {{ word }} {{ list | length }}");
  auto r = request({text(Role::kUser, "x")});
  r.template_arguments = {{"n", "41"}, {"word", "not json"}, {"list", "[1,2]"}};
  EXPECT_EQ(rendered(chat, r), "42 not json 2");
  r.template_arguments = {{"messages", "[]"}};
  EXPECT_EQ(chat.render(r).error().param, "template_arguments.messages");
}

// DeepSeek's templates show calls only of messages that have no content; others would write "None".
TEST(Template, AMessageThatOnlyCallsHasNoContentForTemplatesThatAsk) {
  const std::string calls = "{% if m.tool_calls %}({{ m.tool_calls[0].function.name }}){% endif %}";
  const auto asks = make("{% for m in messages %}[{% if m['content'] is none %}" + calls +
                         "{% else %}{{ m['content'] }}{% endif %}]{% endfor %}");
  const auto prints = make("{% for m in messages %}[{{ m['content'] }}" + calls + "]{% endfor %}");
  const domain::ToolCallPart call{"c1", "f", "{}"};
  const auto silent = request({text(Role::kUser, "x"), message(Role::kAssistant, {call}), text(Role::kUser, "y")});
  EXPECT_EQ(rendered(asks, silent), "[x][(f)][y]");
  EXPECT_EQ(rendered(prints, silent), "[x][(f)][y]");
  const auto talks = request({text(Role::kUser, "x"), message(Role::kAssistant, {domain::TextPart{"so"}, call})});
  EXPECT_EQ(rendered(asks, talks), "[x][so]");
}

// What llama.cpp's engine learns of scripts/llama-templates.patch.
TEST(Template, ExpressionsMeanWhatTheyMeanInJinja) {
  struct Case {
    const char* source;
    const char* expected;
  };
  const Case cases[] = {
      {"{{ 7 // 2 }} {{ -7 // 2 }} {{ 7.5 // 2 }}", "3 -4 3.0"},
      {"{{ 7 % 4 }} {{ -7 % 4 }} {{ 7 % -4 }}", "3 1 -1"},
      {"{{ 2 ** 3 }} {{ 2 * 2 ** 3 }} {{ 2 ** -1 }}", "8 16 0.5"},
      {"{{ 'größe' | length }} {{ 'größe'[2] }} {{ 'größe'[-2] }} {{ 'größe'[1:3] }} {{ 'äb'[::-1] }}", "5 ö ß rö bä"},
      {"{% for c in 'né€' %}{{ loop.index }}{{ c }}{{ '' if loop.last else ',' }}{% endfor %}", "1n,2é,3€"},
      {"{% for c in 'abc' if c is not string %}x{% else %}nothing{% endfor %}", "nothing"},
      {"{% for c in '' %}x{% else %}empty{% endfor %}", "empty"},
      {"{{ ['q'] * 2 }} {{ 2 * [1, 'a'] }} {{ [] * 3 }}", "['q', 'q'] [1, 'a', 1, 'a'] []"},
      {"{{ ['b', 'a', 'B', 'a', 1, 1] | unique | join(',') }}", "b,a,1"},
      {"{{ '%s is %d%% of %s' | format('n', 3, 'x') }} {{ 'a{}'.format('b') }}", "n is 3% of x ab"},
  };
  for (const auto& c : cases) EXPECT_EQ(rendered(make(c.source), request({text(Role::kUser, "x")})), c.expected);
  for (const char* impossible : {"{{ 1 // 0 }}", "{{ 1 % 0 }}", "{{ 1 / 0 }}", "{{ 10 ** 40 }}",
                                 "{{ '%d' | format('x') }}", "{{ '%s' | format }}", "{{ '%x' | format(1) }}"})
    EXPECT_FALSE(make(impossible).render(request({text(Role::kUser, "x")}))) << impossible;
}

TEST(Template, ComplaintsAreErrors) {
  const auto raising = make("{{ raise_exception('Only users may speak') }}").render(request({text(Role::kUser, "x")}));
  ASSERT_FALSE(raising);
  EXPECT_EQ(raising.error().code, ErrorCode::kInvalidRequest);
  EXPECT_NE(raising.error().message.find("Only users may speak"), std::string::npos) << raising.error().message;
  for (const char* broken : {"{% if %}", "{{ x", "{% for m in messages %}", "{% endif %}", "{{ 'a }}"}) {
    const auto made = ChatTemplate::create(broken, "", "");
    EXPECT_TRUE(!made || !made->render(request({text(Role::kUser, "x")}))) << broken;
  }
}

TEST(Template, ContentIsNeverRunAsTemplate) {
  EXPECT_EQ(rendered(make("{{ messages[0].content }}"),
                     request({text(Role::kUser, "{{ 1 + 1 }} {% x %} \"\\\n\xF0\x9F\x98\x80")})),
            "{{ 1 + 1 }} {% x %} \"\\\n\xF0\x9F\x98\x80");
}

TEST(Template, RendersOnManyThreads) {
  const auto chat = make(
      "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{{ ns.n }}{{ m.content }}{% endfor "
      "%}");
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const std::string said(1, static_cast<char>('a' + t));
      const auto r = request({text(Role::kUser, said), text(Role::kAssistant, said), text(Role::kUser, said)});
      for (int i = 0; i < 50; ++i) wrong += rendered(chat, r) != "1" + said + "2" + said + "3" + said;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace hearth::chat
