#include "engine/core/answer/answer_writer.hpp"

#include <gtest/gtest.h>

#include "domain/answer.hpp"

namespace hearth::engine::core {
namespace {

using domain::BlockKind;
using Kind = chat::AnswerPiece::Kind;

// "(thinking)", "@name:arguments;" and text; a piece per character.
class Reader final : public chat::AnswerReader {
 public:
  std::vector<chat::AnswerPiece> feed(std::string_view text) override {
    std::vector<chat::AnswerPiece> out;
    for (const char c : text) {
      if (c == '(' || c == ')') {
        kind_ = c == '(' ? Kind::kThinking : Kind::kText;
      } else if (c == '@') {
        kind_ = Kind::kCall;
        name_.clear();
      } else if (kind_ == Kind::kCall && c != ':') {
        name_ += c;
      } else if (kind_ == Kind::kCall) {
        out.push_back({.kind = Kind::kCall, .text = name_, .id = "id-" + name_});
        kind_ = Kind::kArguments;
      } else if (kind_ == Kind::kArguments && c == ';') {
        kind_ = Kind::kText;
      } else {
        out.push_back({.kind = kind_, .text = std::string(1, c), .id = {}});
      }
    }
    return out;
  }
  std::vector<chat::AnswerPiece> finish() override { return {}; }

 private:
  Kind kind_ = Kind::kText;
  std::string name_;
};
struct Format final : chat::AnswerFormat {
  [[nodiscard]] std::unique_ptr<chat::AnswerReader> read() const override { return std::make_unique<Reader>(); }
};

struct Said {
  std::vector<domain::Block> blocks;
  std::string stop;
  bool over = false;
  std::int32_t tokens = 0;
  std::size_t logprobs = 0;
};

Said say(AnswerWriter::Rules rules, std::string_view answer, std::size_t step) {
  AnswerWriter writer(0, std::move(rules));
  std::vector<domain::Event> events;
  Said out;
  writer.begin({}, {}, events);
  for (std::size_t at = 0; at < answer.size() && !out.over; at += step) {
    auto outcome = writer.add(answer.substr(at, step), domain::TokenLogprob{.text = "x"}, events);
    out.over = outcome.over;
    out.stop = outcome.stop;
  }
  writer.finish(events);
  domain::AnswerBuilder builder;
  std::int32_t open = -1;
  for (const auto& event : events) {
    if (const auto* opened = std::get_if<domain::BlockOpened>(&event)) {
      EXPECT_EQ(open, -1);
      open = opened->index;
      EXPECT_EQ(open, static_cast<std::int32_t>(out.blocks.size()));
      out.blocks.push_back(
          {.kind = opened->kind, .text = {}, .tool_id = opened->tool_id, .tool_name = opened->tool_name});
    } else if (const auto* delta = std::get_if<domain::Delta>(&event)) {
      EXPECT_EQ(delta->index, open);
      out.blocks.back().text += delta->text;
      out.tokens += delta->tokens;
      out.logprobs += delta->logprobs.size();
    } else if (const auto* closed = std::get_if<domain::BlockClosed>(&event)) {
      EXPECT_EQ(closed->index, open);
      open = -1;
    }
  }
  EXPECT_EQ(open, -1);
  return out;
}

AnswerWriter::Rules formatted() { return {.stops = {}, .model_stops = {}, .format = std::make_shared<Format>()}; }

TEST(AnswerWriter, AnAnswerWithoutAFormatIsOneText) {
  for (std::size_t step = 1; step < 12; ++step) {
    const auto said = say({}, "(a) @b:c;", step);
    ASSERT_EQ(said.blocks.size(), 1U);
    EXPECT_EQ(said.blocks[0].text, "(a) @b:c;");
    EXPECT_EQ(said.tokens, static_cast<std::int32_t>((9 + step - 1) / step));
  }
  EXPECT_EQ(say({}, "", 1).blocks.size(), 1U);
}

TEST(AnswerWriter, ThinkingTextAndCallsAreBlocks) {
  for (std::size_t step = 1; step < 40; ++step) {
    const auto said = say(formatted(), "(hm, well)\n\nHello, @f:{};\n@g:{\"x\":1};", step);
    ASSERT_EQ(said.blocks.size(), 4U) << step;
    EXPECT_EQ(said.blocks[0].kind, BlockKind::kThinking);
    EXPECT_EQ(said.blocks[0].text, "hm, well");
    EXPECT_EQ(said.blocks[1].text, "Hello,");
    EXPECT_EQ(said.blocks[2].tool_name, "f");
    EXPECT_EQ(said.blocks[2].tool_id, "id-f");
    EXPECT_EQ(said.blocks[3].text, "{\"x\":1}");
    EXPECT_EQ(said.tokens, static_cast<std::int32_t>((37 + step - 1) / step)) << "each token is in one event";
    EXPECT_FALSE(said.over);
  }
}

TEST(AnswerWriter, BlanksBelongToTextsAlone) {
  EXPECT_EQ(say(formatted(), "  a ", 1).blocks[0].text, "  a ");
  EXPECT_EQ(say(formatted(), "(t)  a", 1).blocks[1].text, "a");
  EXPECT_EQ(say(formatted(), "(t) \n @f:{};", 1).blocks.size(), 2U);
  EXPECT_EQ(say(formatted(), " \n", 1).blocks[0].text, " \n") << "all that was said";
}

TEST(AnswerWriter, ProbabilitiesAreOfTheText) {
  EXPECT_EQ(say(formatted(), "(hm)\nHello@f:{};", 1).logprobs, 5U);
  EXPECT_EQ(say({}, "Hello", 1).logprobs, 5U);
}

TEST(AnswerWriter, StopStringsAreOfTheText) {
  auto rules = formatted();
  rules.stops = {"END"};
  for (std::size_t step = 1; step < 30; ++step) {
    const auto said = say(rules, "(the END)@f:\"END\";so it ENDs", step);
    EXPECT_TRUE(said.over);
    EXPECT_EQ(said.stop, "END");
    ASSERT_EQ(said.blocks.size(), 3U);
    EXPECT_EQ(said.blocks[0].text, "the END");
    EXPECT_EQ(said.blocks[1].text, "\"END\"");
    EXPECT_EQ(said.blocks[2].text, "so it ");
  }
}

TEST(AnswerWriter, TheModelsOwnStopsEndAnything) {
  auto rules = formatted();
  rules.model_stops = {"<end>"};
  for (std::size_t step = 1; step < 12; ++step) {
    const auto said = say(rules, "(hm<end>)x", step);
    EXPECT_TRUE(said.over);
    EXPECT_EQ(said.stop, "");
    ASSERT_EQ(said.blocks.size(), 1U);
    EXPECT_EQ(said.blocks[0].text, "hm");
  }
}

TEST(AnswerWriter, OneCallIsEnoughWhereOneIsAsked) {
  auto rules = formatted();
  rules.one_call = true;
  for (std::size_t step = 1; step < 12; ++step) {
    const auto said = say(rules, "@f:1;@g:2;", step);
    EXPECT_TRUE(said.over);
    ASSERT_EQ(said.blocks.size(), 1U);
    EXPECT_EQ(said.blocks[0].text, "1");
  }
}

TEST(AnswerWriter, IdsAreShortWhereTheTemplateWantsThem) {
  class Nameless final : public chat::AnswerReader {
   public:
    std::vector<chat::AnswerPiece> feed(std::string_view) override {
      return {{.kind = Kind::kCall, .text = "f", .id = {}}};
    }
    std::vector<chat::AnswerPiece> finish() override { return {}; }
  };
  struct Short final : chat::AnswerFormat {
    [[nodiscard]] std::unique_ptr<chat::AnswerReader> read() const override { return std::make_unique<Nameless>(); }
  };
  auto format = std::make_shared<Short>();
  EXPECT_EQ(say({.stops = {}, .model_stops = {}, .format = format}, "x", 1).blocks[0].tool_id, "")
      << "the edge makes one";
  format->short_ids = true;
  const auto said = say({.stops = {}, .model_stops = {}, .format = format}, "xy", 1);
  ASSERT_GE(said.blocks.size(), 2U);
  EXPECT_EQ(said.blocks[0].tool_id.size(), 9U);
  EXPECT_NE(said.blocks[0].tool_id, said.blocks[1].tool_id);
}

TEST(AnswerWriter, KnowsOfUnfinishedCharacters) {
  AnswerWriter writer(0, {});
  std::vector<domain::Event> events;
  writer.begin({}, {}, events);
  (void)writer.add("a\xE2", std::nullopt, events);
  EXPECT_TRUE(writer.in_character());
  (void)writer.add("\x82\xAC", std::nullopt, events);
  EXPECT_FALSE(writer.in_character());
}

}  // namespace
}  // namespace hearth::engine::core
