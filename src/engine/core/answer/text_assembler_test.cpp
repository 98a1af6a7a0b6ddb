#include "engine/core/answer/text_assembler.hpp"

#include <gtest/gtest.h>
#include <random>

#include "base/strings.hpp"

namespace hearth::engine::core {
namespace {

struct Result {
  std::string text;
  std::string stop;
  friend bool operator==(const Result&, const Result&) = default;
};

// Feeds `bytes` cut at `cuts`; checks that each piece is whole characters.
Result assemble(const std::vector<std::string>& stops, std::string_view bytes, const std::vector<std::size_t>& cuts) {
  TextAssembler assembler(stops);
  Result out;
  std::size_t from = 0;
  for (const std::size_t cut : cuts) {
    auto piece = assembler.feed(bytes.substr(from, cut - from));
    from = cut;
    EXPECT_TRUE(base::is_valid_utf8(piece.text));
    out.text += piece.text;
    if (!piece.stop_sequence.empty()) {
      out.stop = piece.stop_sequence;
      return out;
    }
  }
  auto rest = assembler.finish();
  EXPECT_TRUE(base::is_valid_utf8(rest));
  out.text += rest;
  return out;
}

Result whole(const std::vector<std::string>& stops, std::string_view bytes) {
  return assemble(stops, bytes, {bytes.size()});
}

Result byte_by_byte(const std::vector<std::string>& stops, std::string_view bytes) {
  std::vector<std::size_t> cuts;
  for (std::size_t i = 1; i <= bytes.size(); ++i) cuts.push_back(i);
  return assemble(stops, bytes, cuts);
}

TEST(TextAssembler, Table) {
  struct Case {
    std::vector<std::string> stops;
    std::string_view bytes;
    Result expected;
  };
  const std::vector<Case> cases{
      {{}, "plain", {"plain", ""}},
      {{""}, "plain", {"plain", ""}},
      {{"STOP"}, "one STOP two", {"one ", "STOP"}},
      {{"STOP"}, "STOP", {"", "STOP"}},
      {{"STOP"}, "one STO", {"one STO", ""}},
      {{"STOP"}, "STSTOP", {"ST", "STOP"}},
      {{"aab"}, "aaab", {"a", "aab"}},
      {{"two", "one"}, "one two", {"", "one"}},
      {{"ab", "abc"}, "xabc", {"x", "ab"}},        // complete first
      {{"abcd", "bc"}, "abcd", {"a", "bc"}},       // complete first
      {{"c", "bc", "abc"}, "xabc", {"x", "abc"}},  // complete together: the longest
      {{"€"}, "5€", {"5", "€"}},
      {{"x"}, "\xE2\x82x", {"\uFFFD", "x"}},  // a cut character before a stop string
      {{}, "\xE2\x82", {"\uFFFD", ""}},
      {{}, "a\xFFz", {"a\uFFFDz", ""}},
      {{"\n\n"}, "line\n\nnext", {"line", "\n\n"}},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(whole(c.stops, c.bytes), c.expected) << c.bytes;
    EXPECT_EQ(byte_by_byte(c.stops, c.bytes), c.expected) << c.bytes;
  }
}

TEST(TextAssembler, HoldsBackNoMoreThanNeeded) {
  TextAssembler assembler({"STOP"});
  EXPECT_EQ(assembler.feed("one S").text, "one ");
  EXPECT_EQ(assembler.feed("x").text, "Sx");
  EXPECT_EQ(assembler.feed("\xF0\x9F").text, "");
  EXPECT_EQ(assembler.feed("\x98\x80").text, "😀");
  EXPECT_EQ(assembler.feed("ST").text, "");
  EXPECT_EQ(assembler.finish(), "ST");
}

// However the bytes are cut into tokens: the same text and the same stop string.
TEST(TextAssembler, CuttingDoesNotMatter) {
  std::mt19937 random(1);
  const auto below = [&random](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  const std::string_view alphabet[] = {"a", "b", "ab", "ä", "€", "😀", "\xE2", "\x82", "\xF0\x9F", "\xFF"};
  const auto text = [&](std::size_t parts) {
    std::string out;
    for (std::size_t i = 0; i < parts; ++i) out += alphabet[below(std::size(alphabet))];
    return out;
  };
  for (int round = 0; round < 4000; ++round) {
    std::vector<std::string> stops;
    for (std::size_t i = below(4); i > 0; --i) {
      std::string stop;
      for (std::size_t parts = below(4); parts > 0; --parts) stop += alphabet[below(6)];
      stops.push_back(stop);
    }
    const std::string bytes = text(below(30));
    std::vector<std::size_t> cuts;
    for (std::size_t i = 1; i < bytes.size(); ++i) {
      if (below(3) == 0) cuts.push_back(i);
    }
    cuts.push_back(bytes.size());
    const Result expected = whole(stops, bytes);
    ASSERT_EQ(assemble(stops, bytes, cuts), expected) << round;
    ASSERT_EQ(byte_by_byte(stops, bytes), expected) << round;
    if (expected.stop.empty()) ASSERT_EQ(expected.text, base::to_valid_utf8(bytes)) << round;
  }
}

}  // namespace
}  // namespace hearth::engine::core
