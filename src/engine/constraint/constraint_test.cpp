#include "engine/constraint/constraint.hpp"

#include <cmath>
#include <gtest/gtest.h>
#include <random>
#include <regex>

namespace hearth::engine::constraint {
namespace {

using domain::ResponseFormat;
using Kind = ResponseFormat::Kind;

constexpr domain::Token kEnd = 256;

// Bytes, an end token, and a few longer texts.
TokenTexts texts() {
  TokenTexts out;
  for (int i = 0; i < 256; ++i) out.pieces.emplace_back(1, static_cast<char>(i));
  out.pieces[0].clear();
  out.pieces.emplace_back();
  for (const auto* more : {"true", "{\"", "\":", "}}", "ä"}) out.pieces.emplace_back(more);
  out.ends = {kEnd};
  return out;
}

class ConstraintTest : public ::testing::Test {
 protected:
  // Whether a text is an answer: each byte of it is allowed, and then the end.
  bool takes(const ResponseFormat& format, std::string_view text) {
    const auto made = compiler_.compile(format);
    if (!made) {
      ADD_FAILURE() << made.error().message;
      return false;
    }
    Matcher matcher(*made);
    for (const char c : text) {
      const auto token = static_cast<domain::Token>(static_cast<unsigned char>(c));
      if (!allows(matcher, token)) return false;
      EXPECT_TRUE(matcher.accept(token));
    }
    return allows(matcher, kEnd);
  }
  bool allows(Matcher& matcher, domain::Token token) const {
    std::vector<float> logits(vocabulary_);
    matcher.mask(logits);
    return !std::isinf(logits[static_cast<std::size_t>(token)]);
  }

  std::size_t vocabulary_ = texts().pieces.size();
  Compiler compiler_{[](const domain::Tokens&) { return texts(); }};
};

TEST_F(ConstraintTest, WhatIsTaken) {
  struct Case {
    ResponseFormat format;
    std::vector<std::string> fits;
    std::vector<std::string> not_;
  };
  const auto schema = [](std::string text) {
    return ResponseFormat{.kind = Kind::kJsonSchema, .text = std::move(text)};
  };
  const std::vector<Case> cases{
      {{.kind = Kind::kJson},
       {"{}", R"({"a": [1, 2.5e3, null, {"b": "ä\n"}]})", "{ }"},
       {"[]", "1", "{", R"({"a":})", "{}x"}},
      {schema(R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"}},"required":["a"]})"),
       {R"({"a":1})", R"({"a": -20, "b": "x"})"},
       {"{}", R"({"b":"x"})", R"({"a":1.5})", R"({"a":1,"c":2})"}},
      {schema(R"({"type":"array","items":{"enum":["x",1,null]},"minItems":1,"maxItems":2})"),
       {R"(["x"])", "[1, null]"},
       {"[]", "[1,1,1]", "[2]"}},
      {schema(R"({"type":"integer","minimum":-3,"maximum":12})"), {"-3", "0", "12"}, {"-4", "13", "1.0", ""}},
      {schema(R"({"type":"string","pattern":"^[a-c]{2}$"})"), {R"("ab")"}, {R"("a")", R"("abc")", R"("xy")"}},
      {schema(R"({"type":"string","minLength":1,"maxLength":2})"), {R"("a")", "\"ää\""}, {R"("")", R"("abc")"}},
      {schema(R"({"type":"string","format":"date"})"), {R"("2026-11-22")"}, {R"("yesterday")", R"("2026-02-30")"}},
      {schema(R"({"type":"string","format":"date-time"})"),
       {R"("2026-11-22T23:59:59.5+01:00")", R"("2026-11-22T00:00:00Z")"},
       {R"("2026-11-22T24:00:00Z")"}},
      {schema(R"({"type":"string","format":"ipv4"})"),
       {R"("127.0.0.1")"},
       {R"("01.2.3.4")", R"("1.2.3")", R"("256.1.1.1")"}},
      {schema(R"({"type":["boolean","null"]})"), {"true", "null"}, {"0"}},
      {schema(R"({"properties":{"next":{"anyOf":[{"$ref":"#"},{"type":"null"}]}},"required":["next"]})"),
       {R"({"next":{"next":null}})"},
       {R"({"next":{}})"}},
      {schema("{}"), {"1", "[]", "{}", R"("x")"}, {"x"}},
      {{.kind = Kind::kRegex, .text = "(yes|no)[0-9]+"}, {"yes1", "no23"}, {"yes", "maybe1"}},
      {{.kind = Kind::kGrammar, .text = "root ::= item (\",\" item)*\nitem ::= [a-z]+ # letters\n"},
       {"a", "ab,c"},
       {"", "a,", "A"}},
      {{.kind = Kind::kGrammar, .text = "root ::= \"x\"{2,3} my-rule?\nmy-rule ::= [^\\n] \"\\x41\" | \"\\\"\""},
       {"xx", "xxx", "xxzA", "xx\""},
       {"x", "xxz"}},
  };
  for (const auto& c : cases) {
    for (const auto& text : c.fits) EXPECT_TRUE(takes(c.format, text)) << c.format.text << " and " << text;
    for (const auto& text : c.not_) EXPECT_FALSE(takes(c.format, text)) << c.format.text << " and " << text;
  }
}

TEST_F(ConstraintTest, TokensOfSeveralBytes) {
  const auto made = compiler_.compile({.kind = Kind::kJson}).value();
  Matcher matcher(made);
  EXPECT_TRUE(allows(matcher, 258)) << "{\"";
  EXPECT_FALSE(allows(matcher, 257)) << "true";
  ASSERT_TRUE(matcher.accept(258));
  EXPECT_TRUE(allows(matcher, 261)) << "a letter of two bytes";
  ASSERT_TRUE(matcher.accept('k'));
  EXPECT_TRUE(allows(matcher, 259)) << "\":";
  ASSERT_TRUE(matcher.accept(259));
  EXPECT_TRUE(allows(matcher, 257));
  EXPECT_FALSE(allows(matcher, kEnd));
  EXPECT_FALSE(matcher.accept(kEnd));
}

std::string random_regex(std::mt19937& random, int depth) {
  const auto pick = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
  const auto inner = [&] { return random_regex(random, depth - 1); };
  static constexpr const char* kAtoms[] = {"a", "b", "[ab]", "[^a]", "ab"};
  static constexpr const char* kRepeats[] = {"?", "*", "+", "{2}", "{1,2}", "{0,2}", "{1,}"};
  if (depth == 0) return kAtoms[pick(std::size(kAtoms))];
  switch (pick(4)) {
    case 0: return inner() + inner();
    case 1: return "(" + inner() + "|" + inner() + ")";
    case 2: return "(" + inner() + ")" + kRepeats[pick(std::size(kRepeats))];
    default: return inner();
  }
}

// Alone and as the pattern of a schema: two ways in the library.
TEST_F(ConstraintTest, RegularExpressionsAreThoseOfTheStandard) {
  std::mt19937 random(11);
  std::vector<std::string> texts{""};
  for (std::size_t i = 0; texts[i].size() < 4; ++i)
    for (const char c : {'a', 'b', 'c'}) texts.push_back(texts[i] + c);
  for (int round = 0; round < 60; ++round) {
    const std::string regex = random_regex(random, 3);
    const std::regex standard(regex);
    const ResponseFormat alone{.kind = Kind::kRegex, .text = regex};
    const ResponseFormat pattern{.kind = Kind::kJsonSchema,
                                 .text = R"({"type":"string","pattern":"^)" + regex + "$\"}"};
    for (const auto& text : texts) {
      const bool expected = std::regex_match(text, standard);
      ASSERT_EQ(takes(alone, text), expected) << regex << " and " << text;
      ASSERT_EQ(takes(pattern, "\"" + text + "\""), expected) << regex << " as a pattern and " << text;
    }
  }
}

TEST_F(ConstraintTest, WhatCannotBeCompiled) {
  struct Case {
    ResponseFormat format;
    std::string what;
  };
  const std::vector<Case> cases{
      {{.kind = Kind::kJsonSchema, .text = R"({"properties":{"a":{"not":{}}}})"}, "properties.a.not"},
      {{.kind = Kind::kJsonSchema, .text = R"({"type":"string","pattern":"(a"})"}, "schema cannot be used"},
      {{.kind = Kind::kGrammar, .text = "root ::= nothing"}, "the grammar cannot be used"},
      {{.kind = Kind::kGrammar, .text = "start ::= \"a\""}, "the grammar cannot be used"},
      {{.kind = Kind::kGrammar, .text = ""}, "the grammar cannot be used"},
      {{.kind = Kind::kRegex, .text = "(a"}, "the regular expression cannot be used"},
      {{.kind = Kind::kRegex, .text = std::string(2 << 20, 'a')}, "allowed"},
  };
  for (const auto& c : cases) {
    const auto made = compiler_.compile(c.format);
    ASSERT_FALSE(made) << c.format.text.substr(0, 50);
    EXPECT_EQ(made.error().code, ErrorCode::kInvalidRequest);
    EXPECT_EQ(made.error().param, "response_format");
    EXPECT_NE(made.error().message.find(c.what), std::string::npos) << made.error().message;
    EXPECT_EQ(made.error().message.find(".cc"), std::string::npos) << made.error().message;
  }
  EXPECT_EQ(compiler_.compile({}).value(), nullptr);
}

}  // namespace
}  // namespace hearth::engine::constraint
