#include "engine/core/answer/call_watch.hpp"

#include <gtest/gtest.h>

namespace hearth::engine::core {
namespace {

struct Format final : chat::AnswerFormat {
  [[nodiscard]] std::unique_ptr<chat::AnswerReader> read() const override { return nullptr; }
};

Format format(std::vector<chat::CallTrigger> triggers, bool opened = false) {
  Format out;
  out.thinking = {.begin = "<think>", .end = "</think>", .opened = opened, .possible = true};
  out.call_grammar = "root ::= \"x\"";
  out.triggers = std::move(triggers);
  return out;
}

// What the watch gave, fed `step` bytes at a time.
std::string call_in(const Format& format, std::string_view text, std::size_t step) {
  CallWatch watch(format);
  std::string out;
  for (std::size_t at = 0; at < text.size(); at += step) {
    const auto bytes = text.substr(at, step);
    if (!out.empty()) out += bytes;
    if (auto call = watch.feed(bytes)) out += *call;
  }
  return out;
}

TEST(CallWatch, FindsWordsHoweverTheyAreCut) {
  const auto f = format({{.text = "<tool_call>"}, {.text = "{\"type\":"}});
  for (std::size_t step = 1; step < 40; ++step) {
    EXPECT_EQ(call_in(f, "Let me see. <tool_call>\n{}", step), "<tool_call>\n{}");
    EXPECT_EQ(call_in(f, "I {\"type\": 1", step), "{\"type\": 1");
    EXPECT_EQ(call_in(f, "A <tool call> and <tool_cal", step), "");
  }
}

TEST(CallWatch, FindsThemOnce) {
  const auto f = format({{.text = "<c>"}});
  CallWatch watch(f);
  EXPECT_EQ(watch.feed("a<c>b"), "<c>b");
  EXPECT_EQ(watch.feed("a<c>b"), std::nullopt);
}

TEST(CallWatch, PatternsBeginAtTheirGroup) {
  const auto f = format({{.text = R"(^\s+to$)", .is_pattern = true}, {.text = R"(<s>bot(\s+to))", .is_pattern = true}});
  for (std::size_t step = 1; step < 20; ++step) EXPECT_EQ(call_in(f, "well <s>bot to=f", step), " to=f");
  EXPECT_EQ(call_in(f, " to", 1), " to");
  EXPECT_EQ(call_in(f, "go to", 1), "");
}

TEST(CallWatch, AnchorsHoldInLongTexts) {
  const auto f = format({{.text = R"(^ab$)", .is_pattern = true}, {.text = "<c>"}});
  EXPECT_EQ(call_in(f, std::string(5000, 'x') + "ab", 1), "");
  EXPECT_EQ(call_in(f, std::string(5000, 'x') + "<c>", 7), "<c>");
}

TEST(CallWatch, WhatIsThoughtIsNoCall) {
  for (const bool opened : {false, true}) {
    const auto f = format({{.text = "<c>"}}, opened);
    for (std::size_t step = 1; step < 30; ++step)
      EXPECT_EQ(call_in(f, std::string(opened ? "" : "<think>") + "a <c> b</think> <c>!", step), "<c>!");
  }
  const auto f = format({{.text = "<c>"}});
  CallWatch watch(f);
  EXPECT_FALSE(watch.thinking());
  (void)watch.feed("<thi");
  EXPECT_FALSE(watch.thinking());
  (void)watch.feed("nk>so");
  EXPECT_TRUE(watch.thinking());
  (void)watch.feed("</think>");
  EXPECT_FALSE(watch.thinking());
}

}  // namespace
}  // namespace hearth::engine::core
