#include "base/strings.hpp"

#include <gtest/gtest.h>

namespace hearth::base {
namespace {

TEST(Strings, CaseAndTrim) {
  EXPECT_EQ(to_lower("Qwen2.5-GGUF"), "qwen2.5-gguf");
  EXPECT_TRUE(equals_ignore_case("X-Request-ID", "x-request-id"));
  EXPECT_FALSE(equals_ignore_case("a", "ab"));
  EXPECT_TRUE(ends_with_ignore_case("model.GGUF", ".gguf"));
  EXPECT_EQ(trim(" \t a b \r\n"), "a b");
  EXPECT_EQ(trim("  "), "");
}

TEST(Strings, OneLineHasNoControlCharacters) {
  EXPECT_EQ(one_line("/a b\n\x1b[2J\x7f\xC3\xA9"), "/a b\\x0a\\x1b[2J\\x7f\xC3\xA9");
  EXPECT_EQ(one_line(""), "");
}

TEST(Strings, SplitKeepsEmptyPieces) {
  EXPECT_EQ(split("a,,b,", ','), (std::vector<std::string_view>{"a", "", "b", ""}));
  EXPECT_EQ(split("", ','), (std::vector<std::string_view>{""}));
}

TEST(Strings, NumbersTakeTheWholeText) {
  EXPECT_EQ(parse_int("42"), 42);
  EXPECT_EQ(parse_int("42x"), std::nullopt);
  EXPECT_EQ(parse_double("0.5"), 0.5);
  EXPECT_EQ(parse_double(""), std::nullopt);
}

struct Utf8Case {
  std::string_view text;
  std::size_t complete;
  bool valid;
  std::string_view repaired;
};

TEST(Strings, Utf8Table) {
  const Utf8Case cases[] = {
      {"", 0, true, ""},
      {"abc", 3, true, "abc"},
      {"\xC3\xA9", 2, true, "\xC3\xA9"},
      {"a\xC3", 1, false, "a\xEF\xBF\xBD"},
      {"\xF0\x9F\x94", 0, false, "\xEF\xBF\xBD"},
      {"\xF0\x9F\x94\xA5", 4, true, "\xF0\x9F\x94\xA5"},
      {"a\xFF", 2, false, "a\xEF\xBF\xBD"},                                // can never become valid
      {"\xC0\xAF", 2, false, "\xEF\xBF\xBD\xEF\xBF\xBD"},                  // overlong
      {"\xED\xA0\x80", 3, false, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},  // surrogate
      {"\x80\x80\x80\x80", 4, false, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(complete_utf8_prefix(c.text), c.complete) << c.text;
    EXPECT_EQ(is_valid_utf8(c.text), c.valid) << c.text;
    EXPECT_EQ(to_valid_utf8(c.text), c.repaired) << c.text;
    for (std::size_t before = 0; before < 20; ++before) {
      const std::string text = std::string(before, '~') + std::string(c.text) + "~~~~~~~~~";
      EXPECT_EQ(is_valid_utf8(text), c.valid) << text;
    }
  }
}

TEST(Strings, Base64RoundTrip) {
  EXPECT_EQ(base64_encode("Ketxy"), "S2V0eHk=");
  for (std::string text : {"", "a", "ab", "abc", "\xFF\x01"}) EXPECT_EQ(base64_decode(base64_encode(text)), text);
  EXPECT_EQ(base64_decode("a"), std::nullopt);
  EXPECT_EQ(base64_decode("a*=="), std::nullopt);
}

TEST(Strings, RandomIdsDiffer) {
  EXPECT_EQ(random_id(8).size(), 8U);
  EXPECT_NE(random_id(16), random_id(16));
}

TEST(Strings, EditDistance) {
  EXPECT_EQ(edit_distance("", ""), 0U);
  EXPECT_EQ(edit_distance("list", ""), 4U);
  EXPECT_EQ(edit_distance("list", "lsit"), 2U);
  EXPECT_EQ(edit_distance("llamma3", "llama3"), 1U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
}

TEST(Strings, WordsOfAShell) {
  EXPECT_EQ(shell_word("org/name:q4_0"), "org/name:q4_0");
  EXPECT_EQ(shell_word("mój model"), "'mój model'");
  EXPECT_EQ(shell_word("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_word("$(x)"), "'$(x)'");
  EXPECT_EQ(shell_word(""), "''");
}

}  // namespace
}  // namespace hearth::base
