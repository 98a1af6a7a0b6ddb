#include "engine/constraint/constraint.hpp"

#include <boost/json.hpp>
#include <cmath>
#include <functional>
#include <gtest/gtest.h>
#include <random>
#include <regex>

#include "json/reader.hpp"

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

class TextFormat final : public chat::AnswerFormat {
 public:
  [[nodiscard]] std::unique_ptr<chat::AnswerReader> read() const override { return nullptr; }
};

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

// Lengths and counts of any size are kept exactly, and compile at once.
TEST_F(ConstraintTest, Bounds) {
  const auto schema = [](std::string text) {
    return ResponseFormat{.kind = Kind::kJsonSchema, .text = std::move(text)};
  };
  const auto regex = [](std::string text) { return ResponseFormat{.kind = Kind::kRegex, .text = std::move(text)}; };
  const auto quoted = [](std::size_t n) { return '"' + std::string(n, 'x') + '"'; };
  const auto plain = [](std::size_t n) { return std::string(n, 'x'); };
  const auto wide = [](std::size_t n) {
    std::string out = "\"";
    while (n-- > 0) out += "ä";
    return out + '"';
  };
  const auto items = [](std::size_t n) {
    std::string out = "[";
    for (std::size_t i = 0; i < n; ++i) out += i == 0 ? "1" : ",1";
    return out + ']';
  };
  struct Case {
    ResponseFormat format;
    std::function<std::string(std::size_t)> text;
    std::size_t least;  // that fit
    std::size_t most;   // npos: not tried
  };
  constexpr auto kNone = std::string::npos;
  const std::vector<Case> cases{
      {schema(R"({"type":"string","maxLength":16})"), quoted, 0, 16},
      {schema(R"({"type":"string","maxLength":17})"), quoted, 0, 17},
      {schema(R"({"type":"string","maxLength":1000})"), quoted, 0, 1000},
      {schema(R"({"type":"string","maxLength":2147483647})"), quoted, 0, kNone},
      {schema(R"({"type":"string","minLength":300})"), quoted, 300, kNone},
      {schema(R"({"type":"string","minLength":1000})"), quoted, 1000, kNone},
      {schema(R"({"type":"string","minLength":20,"maxLength":40})"), wide, 20, 40},
      {schema(R"({"type":"string","minLength":40,"maxLength":40})"), wide, 40, 40},
      {schema(R"({"type":"array","items":{"const":1},"minItems":2,"maxItems":1000000})"), items, 2, kNone},
      {schema(R"({"type":"array","items":{"const":1},"minItems":300,"maxItems":400})"), items, 300, 400},
      {schema(R"({"type":"string","pattern":"^.{2,1000}$"})"), quoted, 2, 1000},
      {schema(R"({"type":"string","pattern":"^(x|yz){2,200}$"})"), quoted, 2, 200},
      {regex(".{1,1000}"), plain, 1, 1000},
      {regex(".{1,50000}"), plain, 1, kNone},
      {regex("[a-z]{200}"), plain, 200, 200},
      {regex("(xx){3,150}"), [&](std::size_t n) { return plain(2 * n); }, 3, 150},
      {regex("x{3,}"), plain, 3, kNone},
      {{.kind = Kind::kGrammar, .text = "root ::= [a-z]{20,1000}"}, plain, 20, 1000},
  };
  for (const auto& c : cases) {
    EXPECT_TRUE(takes(c.format, c.text(c.least))) << c.format.text;
    if (c.least > 0) EXPECT_FALSE(takes(c.format, c.text(c.least - 1))) << c.format.text;
    if (c.most == kNone) continue;
    EXPECT_TRUE(takes(c.format, c.text(c.most))) << c.format.text;
    EXPECT_FALSE(takes(c.format, c.text(c.most + 1))) << c.format.text;
  }
}

// At the end of a length, tokens that would go beyond it are impossible.
TEST_F(ConstraintTest, BoundsOfTokensOfSeveralCharacters) {
  for (const auto* pattern : {".{1,18}", ".{18}"}) {
    Matcher matcher(compiler_.compile({.kind = Kind::kRegex, .text = pattern}).value());
    ASSERT_TRUE(matcher.accept(std::string(14, 'x')));
    EXPECT_TRUE(allows(matcher, 257)) << "true has four characters, and there are four";
    ASSERT_TRUE(matcher.accept(std::string_view("x")));
    EXPECT_FALSE(allows(matcher, 257)) << "there are three";
    EXPECT_TRUE(allows(matcher, 261)) << "one character, two bytes";
    ASSERT_TRUE(matcher.accept(261));
    EXPECT_TRUE(allows(matcher, 258)) << "two characters";
    ASSERT_TRUE(matcher.accept(258));
    EXPECT_FALSE(allows(matcher, 'x'));
    EXPECT_TRUE(allows(matcher, kEnd));
  }
}

// What a pattern takes is the text; in JSON some of it is escaped.
TEST_F(ConstraintTest, PatternsStayWithinTheirQuotes) {
  struct Case {
    std::string pattern;
    std::vector<std::string> fits;
    std::vector<std::string> not_;
  };
  const std::vector<Case> cases{
      {"^.{1,50000}$", {R"("ab")"}, {R"("a"b")", R"("a\")", "\"a\nb\""}},
      {"^[^ä]+$", {R"("ab")"}, {R"("a"b")", R"("ä")"}},
      {"^[ -~ä]{1,50000}$", {R"("aä !")"}, {R"("a"b")", R"("a\b")"}},
      {"^ä\"$", {R"("ä\"")"}, {R"("ä"")"}},
  };
  for (const auto& c : cases) {
    const ResponseFormat format{.kind = Kind::kJsonSchema,
                                .text = json::to_text(boost::json::object{{"type", "string"}, {"pattern", c.pattern}})};
    for (const auto& text : c.fits) EXPECT_TRUE(takes(format, text)) << c.pattern << " and " << text;
    for (const auto& text : c.not_) EXPECT_FALSE(takes(format, text)) << c.pattern << " and " << text;
  }
}

// As large as those of today's models, so that there is something to do.
TokenTexts many_texts() {
  TokenTexts out = texts();
  for (int i = 0; i < 100'000; ++i) out.pieces.push_back(std::to_string(i));
  return out;
}

TEST(Compiler, WhatTakesTooLongIsRefused) {
  Compiler compiler([](const domain::Tokens&) { return many_texts(); });
  std::string regex;
  for (char c = 'A'; c <= 'Z'; ++c) regex += std::string("[^") + c + "]{80}[^" + static_cast<char>(c + 32) + "]{80}";
  const auto refused = compiler.compile({.kind = Kind::kRegex, .text = regex});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidRequest);
  EXPECT_NE(refused.error().message.find("cannot be used: it is too large"), std::string::npos)
      << refused.error().message;
  EXPECT_TRUE(compiler.compile({.kind = Kind::kRegex, .text = "a"})) << "others are compiled as before";
}

// Counted in so many ways that no step could try them all.
TEST(Matcher, StepsThatTakeTooLongMakeAllImpossible) {
  Compiler compiler([](const domain::Tokens&) { return many_texts(); });
  Matcher matcher(
      compiler.compile({.kind = Kind::kRegex, .text = "((((.{1,17}1){1,17}2){1,17}3?){1,17}4?){1,17}"}).value());
  std::vector<float> logits(many_texts().pieces.size());
  const auto is_possible = [](float logit) { return !std::isinf(logit); };
  int steps = 0;
  for (; steps < 20 && (steps == 0 || std::ranges::any_of(logits, is_possible)); ++steps) {
    (void)matcher.accept(std::string_view("121212121212"));
    std::ranges::fill(logits, 0.0F);
    matcher.mask(logits);
  }
  EXPECT_LT(steps, 20);
  EXPECT_FALSE(matcher.accept(std::string_view("1")));
  EXPECT_FALSE(matcher.accept('1'));
}

// Each character costs little, and all of them more than may be kept.
TEST(Matcher, AnswersThatKeepTooMuchMakeAllImpossible) {
  Compiler compiler([](const domain::Tokens&) { return texts(); });
  Matcher matcher(compiler.compile({.kind = Kind::kRegex, .text = "([12]{1,17}1){1,300}"}).value());
  int taken = 0;
  while (taken < 5'000 && matcher.accept('1')) ++taken;
  EXPECT_LT(taken, 5'000) << "the format itself would take 5,400";
  EXPECT_GT(taken, 300);
  std::vector<float> logits(texts().pieces.size());
  matcher.mask(logits);
  EXPECT_TRUE(std::ranges::all_of(logits, [](float logit) { return std::isinf(logit); }));
}

TEST_F(ConstraintTest, WhatWasCompiledIsKnown) {
  const ResponseFormat schema{.kind = Kind::kJsonSchema, .text = R"({"type":"integer"})", .field = "f"};
  const ResponseFormat other{.kind = Kind::kJsonSchema, .text = R"({"type":"number"})", .field = "f"};
  const ResponseFormat grammar{.kind = Kind::kGrammar, .text = schema.text, .field = "f"};
  EXPECT_TRUE(compiler_.knows({}));
  EXPECT_FALSE(compiler_.knows(schema));
  const auto made = compiler_.compile(schema);
  ASSERT_TRUE(made);
  EXPECT_TRUE(compiler_.knows(schema));
  EXPECT_EQ(compiler_.compile(schema), *made);
  EXPECT_FALSE(compiler_.knows(other));
  EXPECT_FALSE(compiler_.knows(grammar));
  EXPECT_FALSE(compiler_.knows(schema, {.visible = {1}}));
  EXPECT_FALSE(compiler_.compile(grammar));
  EXPECT_FALSE(compiler_.knows(grammar)) << "errors are not kept";

  TextFormat format;
  format.call_grammar = R"(root ::= "a")";
  format.required_grammar = R"(root ::= "a" | "b")";
  const AnswerShape may{.format = &format, .may_call = true};
  const AnswerShape must{.format = &format, .may_call = true, .must_call = true};
  EXPECT_TRUE(compiler_.knows({}, may));
  EXPECT_FALSE(compiler_.knows_call(may));
  ASSERT_TRUE(compiler_.compile_call(may));
  EXPECT_TRUE(compiler_.knows_call(may));
  EXPECT_FALSE(compiler_.knows({}, must));
  ASSERT_TRUE(compiler_.compile({}, must));
  EXPECT_TRUE(compiler_.knows({}, must));
  format.required_grammar = R"(root ::= "c")";
  EXPECT_FALSE(compiler_.knows({}, must));
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
  EXPECT_EQ(compiler_.compile({.kind = Kind::kRegex, .text = "(a", .field = "guided_regex"}).error().param,
            "guided_regex");
  EXPECT_EQ(compiler_.compile({}).value(), nullptr);
}

}  // namespace
}  // namespace hearth::engine::constraint
