// Answers of every family of templates that llama.cpp comes with. What a model of a family writes is taken from the
// template itself: how it renders an answer in the history is what the model was taught.
#include "chat/format/answer_format.hpp"

#include <algorithm>
#include <filesystem>
#include <gtest/gtest.h>
#include <optional>

#include "base/files.hpp"
#include "chat/template.hpp"
#include "json/reader.hpp"

namespace hearth::chat {
namespace {

using Kind = AnswerPiece::Kind;
const std::filesystem::path kTemplates = HEARTH_LLAMA_TEMPLATES;

struct Read {
  std::string thinking;
  std::string text;
  std::vector<domain::ToolCallPart> calls;
  friend bool operator==(const Read&, const Read&) = default;
};

Read fold(const std::vector<AnswerPiece>& pieces) {
  Read out;
  for (const auto& piece : pieces) {
    switch (piece.kind) {
      case Kind::kThinking: out.thinking += piece.text; break;
      case Kind::kText: out.text += piece.text; break;
      case Kind::kCall: out.calls.push_back({.id = piece.id, .name = piece.text, .arguments = {}}); break;
      case Kind::kArguments: out.calls.back().arguments += piece.text; break;
    }
  }
  return out;
}

Read read(const AnswerFormat& format, std::string_view answer, std::size_t step) {
  const auto reader = format.read();
  std::vector<AnswerPiece> pieces;
  const auto add = [&pieces](std::vector<AnswerPiece> more) { std::ranges::move(more, std::back_inserter(pieces)); };
  for (std::size_t at = 0; at < answer.size(); at += step) add(reader->feed(answer.substr(at, step)));
  add(reader->finish());
  return fold(pieces);
}

domain::ChatRequest request() {
  domain::ChatRequest out;
  out.messages = {{.role = domain::Role::kUser, .parts = {domain::TextPart{"What is the weather in Rome?"}}}};
  out.tools = {
      {.name = "get_weather",
       .description = "The weather of a city.",
       .parameters =
           R"({"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer"}},"required":["city","days"]})"},
      {.name = "add",
       .description = "A sum.",
       .parameters =
           R"({"type":"object","properties":{"a":{"type":"number"},"b":{"type":"number"}},"required":["a","b"]})"}};
  return out;
}

// What the template writes for `parts` as an answer to `chat`; nothing if it does not come to an answer like that.
std::optional<std::string> written(const ChatTemplate& made, const domain::ChatRequest& chat,
                                   std::vector<domain::Part> parts) {
  const auto before = made.render(chat, Ending::kAnswer);
  auto longer = chat;
  longer.messages.push_back({.role = domain::Role::kAssistant, .parts = std::move(parts)});
  const auto after = made.render(longer, Ending::kClosed);
  if (!before || !after || !after->prompt.starts_with(before->prompt)) return std::nullopt;
  return after->prompt.substr(before->prompt.size());
}

// What of `answer` a model would send: not the end of its turn, which is a token and no text.
std::string without_end(std::string answer, std::string_view plain, std::string_view said) {
  const auto at = plain.find(said);
  if (at == std::string_view::npos) return answer;
  const auto end = plain.substr(at + said.size());
  if (answer.ends_with(end)) answer.resize(answer.size() - end.size());
  for (const char* const other :
       {"<|eom_id|>", "<|call|>", "<｜hy_eos:opensource｜>"})  // after calls these have another one
    if (answer.ends_with(other)) answer.resize(answer.size() - std::string_view(other).size());
  return answer;
}

// llama.cpp cannot read these, or they show an answer in the history otherwise than it is written.
constexpr std::string_view kUnread[] = {"upstage-Solar-Open-100B", "LFM2-8B-A1B", "LFM2.5-Instruct"};

TEST(AnswerFormat, CallsOfEveryFamilyAreRead) {
  constexpr const char* kSaid = "Hello there.";
  int families = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kTemplates)) {
    const auto name = entry.path().filename().string();
    if (entry.path().extension() != ".jinja") continue;
    if (std::ranges::any_of(kUnread, [&](std::string_view unread) { return name.starts_with(unread); })) continue;
    SCOPED_TRACE(name);
    const auto made = ChatTemplate::create(*base::read_file(entry.path()), "<s>", "</s>");
    ASSERT_TRUE(made);
    if (!made->shows_tools() || !made->reads_tools()) continue;
    const auto chat = request();
    const auto format = made->format(chat);
    ASSERT_TRUE(format) << format.error().message;
    ASSERT_NE(*format, nullptr);
    const auto plain = written(*made, chat, {domain::TextPart{kSaid}});
    const domain::ToolCallPart call{
        .id = "abcdefghi", .name = "get_weather", .arguments = R"({"city":"Rome","days":2})"};
    const auto called = written(*made, chat, {call});
    if (!plain || !called) continue;
    ++families;
    auto answer = without_end(*called, *plain, kSaid);
    const auto& thinking = (*format)->thinking;  // of which the history shows nothing
    if (thinking.opened && !answer.contains(thinking.end)) answer.insert(0, thinking.end);
    const auto whole = read(**format, answer, answer.size());
    EXPECT_EQ(whole.calls.size(), 1U) << answer;
    if (whole.calls.empty()) continue;
    EXPECT_EQ(whole.calls[0].name, "get_weather");
    EXPECT_EQ(json::to_text(*json::parse(whole.calls[0].arguments)), call.arguments) << answer;
    EXPECT_EQ(whole.text.find_first_not_of(" \n"), std::string::npos) << whole.text;
    for (const std::size_t step : {1U, 2U, 3U, 7U, 40U}) {
      auto cut = read(**format, answer, step);
      ASSERT_EQ(cut.calls.size(), 1U) << "by " << step;
      cut.calls[0].id = whole.calls[0].id;  // which may come after the arguments
      EXPECT_EQ(cut, whole) << "by " << step << ": " << cut.thinking << "|" << cut.text << "|"
                            << cut.calls[0].arguments;
    }
  }
  EXPECT_GE(families, 40);
}

TEST(AnswerFormat, TextsOfEveryFamilyAreRead) {
  for (const auto& entry : std::filesystem::directory_iterator(kTemplates)) {
    if (entry.path().extension() != ".jinja") continue;
    SCOPED_TRACE(entry.path().filename().string());
    const auto made = ChatTemplate::create(*base::read_file(entry.path()), "<s>", "</s>");
    ASSERT_TRUE(made);
    auto chat = request();
    chat.tools.clear();
    const auto format = made->format(chat);
    ASSERT_TRUE(format) << format.error().message;
    if (*format == nullptr || (*format)->thinking.opened || !(*format)->text_begin.empty()) continue;
    const auto plain = written(*made, chat, {domain::TextPart{"Hello **there**, 1 < 2."}});
    if (!plain) continue;
    const auto answer = without_end(*plain, *plain, "Hello **there**, 1 < 2.");
    const auto whole = read(**format, answer, answer.size());
    EXPECT_NE(whole.text.find("Hello **there**, 1 < 2."), std::string::npos) << answer;
    EXPECT_TRUE(whole.calls.empty());
    for (const std::size_t step : {1U, 3U, 7U})
      EXPECT_EQ(read(**format, answer, step).text, whole.text) << "by " << step;
  }
}

ChatTemplate family(const char* name) {
  return *ChatTemplate::create(*base::read_file(kTemplates / name), "<s>", "</s>");
}

TEST(AnswerFormat, LongTextsAndThinkingComeAsTheyAreWritten) {
  const auto made = family("Qwen-Qwen3-0.6B.jinja");
  const auto format = made.format(request());
  ASSERT_TRUE(format && *format);
  std::string text;
  for (int i = 0; i < 2000; ++i)
    text += "a <b> [" + std::to_string(i) + "] {x}\n\n" + std::string(i % 5 == 0 ? "<tool" : "é");
  const std::string answer = "<think>\n" + text + "\n</think>\n\n" + text + "end";
  for (const std::size_t step : {17U, 1000U}) {
    const auto out = read(**format, answer, step);
    EXPECT_TRUE(out.thinking.starts_with(text.substr(0, text.size() - 1)));
    EXPECT_EQ(out.text.substr(out.text.find_first_not_of('\n')), text + "end");
  }
}

// Of what was sent only the end is read again, whatever the script: this would take minutes otherwise.
TEST(AnswerFormat, LongTextsOfAnyScript) {
  for (const char* name : {"Qwen-Qwen3-0.6B.jinja", "deepseek-ai-DeepSeek-V3.1.jinja"}) {
    if (!std::filesystem::exists(kTemplates / name)) continue;
    const auto made = family(name);
    const auto format = made.format(request());
    ASSERT_TRUE(format && *format);
    for (const std::string_view word : {"Привет, ", "γειά ", "你好。", "สวัสดี", "שלום! "}) {
      std::string text;
      while (text.size() < 60'000) text += word;
      text += '.';
      const auto out = read(**format, text, 7);
      EXPECT_TRUE(out.thinking + out.text == text) << name << ' ' << word;
    }
  }
}

TEST(AnswerFormat, AnAnswerGoesOn) {
  const auto made = family("Qwen-Qwen3-0.6B.jinja");
  auto chat = request();
  chat.messages.push_back({.role = domain::Role::kAssistant, .parts = {domain::TextPart{"Once upon"}}});
  const auto format = made.format(chat);
  ASSERT_TRUE(format && *format);
  EXPECT_EQ(read(**format, " a time.", 1).text, " a time.") << "what was there already is not said again";
}

TEST(AnswerFormat, AnswersOfNoFormatAreText) {
  for (const char* const name :
       {"Qwen-Qwen3-0.6B.jinja", "Qwen3-Coder.jinja", "meta-llama-Llama-3.1-8B-Instruct.jinja"}) {
    SCOPED_TRACE(name);
    const auto format = family(name).format(request());
    ASSERT_TRUE(format && *format);
    const std::string answer = "Look: <tool_call>\n{\"get\": weather(Rome)}\n</tool_call> done";
    for (const std::size_t step : {1U, 4U, 100U}) {
      const auto out = read(**format, answer, step);
      EXPECT_TRUE(out.calls.empty());
      EXPECT_TRUE(out.text.starts_with("Look: ")) << out.text;
      EXPECT_NE(out.text.find("weather(Rome)}\n</tool_call> done"), std::string::npos)
          << "by " << step << ": " << out.text;
    }
  }
}

TEST(AnswerFormat, PlainModelsHaveNone) {
  EXPECT_EQ(*ChatTemplate::create("", "<s>", "</s>")->format(domain::ChatRequest{.messages = request().messages}),
            nullptr);
  const auto made = family("google-gemma-2-2b-it.jinja");
  EXPECT_FALSE(made.reads_tools());
  EXPECT_FALSE(made.reads_thinking());
  const auto refused = made.format(request());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(refused.error().param, "tools");
}

TEST(AnswerFormat, WhatIsKnownOfTheThinking) {
  const auto made = family("Qwen-Qwen3-0.6B.jinja");
  EXPECT_TRUE(made.reads_tools());
  EXPECT_TRUE(made.reads_thinking());
  auto chat = request();
  const auto may = *made.format(chat);
  EXPECT_EQ(may->thinking.begin, "<think>");
  EXPECT_EQ(may->thinking.end, "</think>");
  EXPECT_TRUE(may->thinking.possible);
  EXPECT_FALSE(may->thinking.opened);
  chat.reasoning.effort = domain::Reasoning::Effort::kNone;
  EXPECT_FALSE((*made.format(chat))->thinking.possible) << "the prompt has an empty one";
  const auto opened = *family("Qwen-QwQ-32B.jinja").format(request());
  EXPECT_TRUE(opened->thinking.opened);
}

TEST(AnswerFormat, CallsWithoutIdsGoBackToMistral) {
  const auto made = family("mistralai-Mistral-Nemo-Instruct-2407.jinja");
  EXPECT_TRUE((*made.format(request()))->short_ids) << "so that ours go back too";
  for (const char* const id : {"", "abcdefghi"}) {
    auto chat = request();
    chat.messages.push_back({.role = domain::Role::kAssistant,
                             .parts = {domain::ToolCallPart{.id = id, .name = "get_weather", .arguments = "{}"}}});
    chat.messages.push_back({.role = domain::Role::kTool,
                             .parts = {domain::ToolResultPart{.id = id, .name = "get_weather", .text = "fine"}}});
    const auto prompt = made.render(chat);
    ASSERT_TRUE(prompt) << prompt.error().message;
    const auto called = prompt->prompt.rfind("\"id\": \"");
    const auto answered = prompt->prompt.rfind("\"call_id\": \"");
    ASSERT_TRUE(called != std::string::npos && answered != std::string::npos) << prompt->prompt;
    const auto id_at = [&](std::size_t at, std::size_t skip) { return prompt->prompt.substr(at + skip, 10); };
    EXPECT_EQ(id_at(called, 7), id_at(answered, 12)) << prompt->prompt;
    EXPECT_TRUE(id_at(called, 7).ends_with('"'));
  }
}

TEST(AnswerFormat, AToolThatCannotBeIsNamed) {
  auto chat = request();
  chat.tools[1].parameters = R"({"type":"object","properties":{"a":{"$ref":"#/nowhere"}}})";
  const auto refused = family("Qwen-Qwen3-0.6B.jinja").format(chat);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidRequest);
  EXPECT_EQ(refused.error().param, "tools[1].parameters");
}

// Where arguments are text between tags, a list of texts is kept to all the same.
TEST(AnswerFormat, ListedTextsBetweenTags) {
  for (const char* const name : {"Qwen3-Coder.jinja", "GLM-4.6.jinja", "MiniMax-M2.jinja", "MiniMax-M3.jinja",
                                 "deepseek-ai-DeepSeek-V3.2.jinja"}) {
    SCOPED_TRACE(name);
    const auto made = ChatTemplate::create(*base::read_file(kTemplates / name), "<s>", "</s>");
    ASSERT_TRUE(made && made->reads_tools());
    auto chat = request();
    chat.tools.push_back(
        {.name = "set",
         .parameters =
             R"({"type":"object","properties":{"to":{"type":"string","enum":["on","\"off\""]},"at":{"type":"string"},"by":{"const":"me"}},"required":["by"]})"});
    for (const auto mode : {domain::ToolChoice::Mode::kAuto, domain::ToolChoice::Mode::kRequired}) {
      chat.tool_choice.mode = mode;
      const auto format = made->format(chat);
      ASSERT_TRUE(format);
      ASSERT_NE(*format, nullptr);
      const auto& grammar =
          mode == domain::ToolChoice::Mode::kAuto ? (*format)->call_grammar : (*format)->required_grammar;
      EXPECT_TRUE(grammar.contains(R"( ("on" | "\"off\"") )")) << grammar;
      EXPECT_TRUE(grammar.contains(R"( ("me") )")) << grammar;
    }
  }
}

}  // namespace
}  // namespace hearth::chat
