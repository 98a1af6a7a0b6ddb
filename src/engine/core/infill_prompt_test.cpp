#include "engine/core/infill_prompt.hpp"

#include <gtest/gtest.h>
#include <map>

namespace hearth::engine::core {
namespace {

using domain::Tokens;

// A token per byte; the marks are beyond.
class ByteVocab final : public Vocab {
 public:
  explicit ByteVocab(InfillTokens marks, bool bos = false) : marks_(marks), bos_(bos) {}
  [[nodiscard]] std::int32_t size() const override { return 400; }
  [[nodiscard]] Tokens tokenize(std::string_view text, bool add_bos, bool /*special*/) const override {
    Tokens out;
    if (add_bos && bos_) out.push_back(256);
    for (const char c : text) out.push_back(static_cast<unsigned char>(c));
    return out;
  }
  [[nodiscard]] std::string piece(domain::Token token, bool /*special*/) const override {
    static const std::map<domain::Token, std::string> kMarks{{256, "[B]"}, {301, "[P]"}, {302, "[S]"},
                                                             {303, "[M]"}, {304, "[R]"}, {305, "[F]"}};
    const auto mark = kMarks.find(token);
    return mark != kMarks.end() ? mark->second : std::string(1, static_cast<char>(token));
  }
  [[nodiscard]] std::string detokenize(const Tokens& tokens) const override {
    std::string out;
    for (const auto token : tokens) out += piece(token, true);
    return out;
  }
  [[nodiscard]] bool is_end(domain::Token) const override { return false; }
  [[nodiscard]] InfillTokens infill() const override { return marks_; }

 private:
  InfillTokens marks_;
  bool bos_;
};

constexpr InfillTokens kMarks{.prefix = 301, .suffix = 302, .middle = 303};
constexpr InfillTokens kAll{.prefix = 301, .suffix = 302, .middle = 303, .repository = 304, .file = 305};

std::string prompt(const ByteVocab& vocab, std::string_view before, const domain::CompletionRequest& request) {
  return vocab.detokenize(infill_prompt(vocab, infill_parts(vocab, vocab.tokenize(before, false, false), request)));
}

TEST(InfillPrompt, OrderOfMarks) {
  domain::CompletionRequest request;
  request.suffix = "after";
  EXPECT_EQ(prompt(ByteVocab(kMarks), "before", request), "[P]before[S]after[M]");
  EXPECT_EQ(prompt(ByteVocab(kAll, true), "", request), "[B][P][S]after[M]");
  request.files = {{.name = "a.c", .text = "int a;"}, {.name = {}, .text = "int b;"}};
  EXPECT_EQ(prompt(ByteVocab(kAll, true), "before", request),
            "[B][R]myproject\n[F]a.c\nint a;[F]filename\nint b;[F]filename\n[P]before[S]after[M]");
  EXPECT_EQ(prompt(ByteVocab(kMarks), "before", request),
            "\n\n--- snippet ---\n\nint a;\n\n--- snippet ---\n\nint b;\n\n--- snippet ---\n\n[P]before[S]after[M]");
}

TEST(InfillPrompt, UsableWithAllThree) {
  EXPECT_TRUE(kMarks.usable());
  EXPECT_FALSE((InfillTokens{.prefix = 1, .suffix = 2}).usable());
  EXPECT_FALSE(InfillTokens{}.usable());
}

// What is far from the gap goes first.
TEST(InfillPrompt, Cuts) {
  const struct {
    std::size_t files, prefix, suffix, most;
    std::size_t files_left, prefix_left, suffix_left;
  } cases[] = {{5, 10, 10, 30, 5, 10, 10}, {5, 10, 10, 22, 2, 10, 10}, {5, 10, 10, 20, 0, 10, 10},
               {0, 40, 40, 20, 0, 15, 5},  {0, 40, 2, 20, 0, 18, 2},   {0, 4, 40, 20, 0, 4, 16},
               {5, 40, 40, 0, 0, 0, 0},    {0, 40, 40, 3, 0, 3, 0}};
  for (const auto& c : cases) {
    InfillParts parts{.prefix = Tokens(c.prefix, 'p'), .suffix = Tokens(c.suffix, 's'), .files = Tokens(c.files, 'f')};
    const std::size_t dropped = cut_infill(parts, c.most);
    EXPECT_EQ(parts.files.size(), c.files_left) << c.most;
    EXPECT_EQ(parts.prefix.size(), c.prefix_left) << c.most;
    EXPECT_EQ(parts.suffix.size(), c.suffix_left) << c.most;
    EXPECT_EQ(dropped, c.files + c.prefix + c.suffix - c.files_left - c.prefix_left - c.suffix_left);
  }
  InfillParts parts{.prefix = {1, 2, 3, 4}, .suffix = {5, 6, 7, 8}, .files = {}};
  (void)cut_infill(parts, 4);
  EXPECT_EQ(parts.prefix, (Tokens{2, 3, 4}));
  EXPECT_EQ(parts.suffix, (Tokens{5}));
}

}  // namespace
}  // namespace hearth::engine::core
