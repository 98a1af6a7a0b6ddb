#include "engine/core/sampling/dry.hpp"

#include <cmath>
#include <gtest/gtest.h>
#include <map>
#include <numeric>
#include <random>

#include "engine/core/sampling/infill.hpp"
#include "engine/core/sampling/sampler.hpp"

namespace hearth::engine::core {
namespace {

using Breaker = DryBreakers::Breaker;

// One token per piece; texts are tokenised by the longest piece.
class Pieces final : public Vocab {
 public:
  explicit Pieces(std::vector<std::string> pieces) : pieces_(std::move(pieces)) {}
  [[nodiscard]] std::int32_t size() const override { return static_cast<std::int32_t>(pieces_.size()); }
  [[nodiscard]] domain::Tokens tokenize(std::string_view text, bool, bool) const override {
    domain::Tokens out;
    while (!text.empty()) {
      std::size_t length = 0;
      domain::Token best = 0;
      for (domain::Token t = 1; t < size(); ++t) {
        const auto& piece = pieces_[static_cast<std::size_t>(t)];
        if (!text.starts_with(piece) || piece.size() <= length) continue;
        best = t;
        length = piece.size();
      }
      out.push_back(best);
      text.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return out;
  }
  [[nodiscard]] std::string piece(domain::Token token, bool) const override {
    return pieces_[static_cast<std::size_t>(token)];
  }
  [[nodiscard]] std::string detokenize(const domain::Tokens& tokens) const override {
    ++detokenized;
    return std::accumulate(tokens.begin(), tokens.end(), std::string(),
                           [this](const std::string& a, domain::Token t) { return a + piece(t, true); });
  }
  [[nodiscard]] bool is_end(domain::Token token) const override { return token == 0; }
  [[nodiscard]] domain::Token end_of_turn() const override { return 0; }

  mutable int detokenized = 0;

 private:
  std::vector<std::string> pieces_;
};

// The definition, written the long way: for every earlier place the length of what is as at the end, not beyond `most`.
std::map<domain::Token, int> repetitions(const domain::Tokens& text, int allowed, int most) {
  std::map<domain::Token, int> out;
  const auto size = static_cast<int>(text.size());
  for (int end = 0; end + 1 < size; ++end) {
    int length = 0;
    while (length <= end &&
           text[static_cast<std::size_t>(end - length)] == text[static_cast<std::size_t>(size - 1 - length)])
      ++length;
    length = std::min(length, most);
    const domain::Token next = text[static_cast<std::size_t>(end + 1)];
    if (length >= allowed) out[next] = std::max(out.contains(next) ? out[next] : 0, length);
  }
  return out;
}

std::vector<float> penalties_of(const domain::DrySettings& settings, const domain::Tokens& text, std::int32_t vocab,
                                std::shared_ptr<const DryBreakers> breakers = nullptr) {
  Dry dry(settings, vocab, std::move(breakers));
  for (const auto token : text) dry.accept(token);
  std::vector<float> row(static_cast<std::size_t>(vocab));
  dry.apply(row);
  for (float& x : row) x = -x;
  return row;
}

TEST(Dry, AsTheDefinitionSays) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    domain::Tokens text(random() % 60);
    for (auto& t : text) t = static_cast<domain::Token>(random() % 3);
    const domain::DrySettings settings{.multiplier = 0.8,
                                       .base = 1.5,
                                       .allowed_length = static_cast<std::int32_t>(random() % 4),
                                       .penalty_last_n = 40};
    auto window = text;
    if (window.size() > 40) window.erase(window.begin(), window.end() - 40);
    const auto expected = static_cast<int>(window.size()) <= settings.allowed_length
                              ? std::map<domain::Token, int>{}
                              : repetitions(window, settings.allowed_length, 40);
    const auto row = penalties_of(settings, text, 3);
    for (domain::Token t = 0; t < 3; ++t) {
      const double wanted = expected.contains(t) ? 0.8 * std::pow(1.5, expected.at(t) - settings.allowed_length) : 0.0;
      ASSERT_NEAR(row[static_cast<std::size_t>(t)], wanted, 1e-5 * std::max(wanted, 1.0)) << "round " << round;
    }
  }
}

TEST(Dry, GoesNotOverABreaker) {
  const domain::DrySettings settings{.multiplier = 1, .base = 2, .allowed_length = 1};
  const domain::Tokens text{1, 2, 3, 4, 1, 2, 3};
  EXPECT_EQ(penalties_of(settings, text, 5)[4], 4);  // three tokens are repeated
  const auto breaking = [&](std::vector<Breaker> breakers) {
    return penalties_of(settings, text, 5, std::make_shared<DryBreakers>(std::move(breakers)));
  };
  EXPECT_EQ(breaking({{2, {}}})[4], 1);      // one is left
  EXPECT_EQ(breaking({{3, {}}})[4], 0);      // nothing is
  EXPECT_EQ(breaking({{4, {}}})[4], 0);      // a breaker itself is never held back
  EXPECT_EQ(breaking({{1, {2}}})[4], 1);     // of two tokens
  EXPECT_EQ(breaking({{2, {3, 4}}})[4], 4);  // not complete
  EXPECT_EQ(breaking({{1, {}}, {1, {2, 3}}})[4], 0) << "the longest counts";
}

TEST(Dry, LongRepetitionsStayNumbers) {
  domain::Tokens text(2000, 1);
  const auto row = penalties_of({.multiplier = 100, .base = 4, .penalty_last_n = -1}, text, 2);
  EXPECT_GT(row[1], 1e30F);
  EXPECT_EQ(row[0], 0);
}

TEST(Dry, WhereverItStands) {
  using enum domain::SamplerStage;
  domain::Sampling settings{.top_k = 2};
  settings.dry = {.multiplier = 1, .base = 2, .allowed_length = 1};
  for (const auto& chain : {domain::SamplerChain{kDry, kTopK}, domain::SamplerChain{kTopK, kDry}}) {
    settings.samplers = chain;
    Sampler sampler(settings, 1, 4);
    for (const domain::Token t : {1, 2, 1}) sampler.accept(t);
    std::vector<float> row{0, 0.5F, 1, -9};
    double p = 0;
    for (const auto& c : sampler.distribution(row)) p = c.id == 2 ? static_cast<double>(c.p) : p;
    // The two best are 2 and 1 before; with the penalty 2 is as good as 0, which has the lower id.
    EXPECT_NEAR(p, chain.front() == kDry ? 0 : 1 / (1 + std::exp(0.5)), 1e-5);
  }
}

TEST(DryBreakers, PartsOfTokensCount) {
  const Pieces vocab({"</s>", "a", "b", "ab", "xab", "abx", "ba", "c"});
  DryBreakerFinder finder(vocab);
  const auto found = finder.find({"ab", ""});
  const auto tails = [&](domain::Token t) {
    std::vector<domain::Tokens> out;
    for (const auto& breaker : found->beginning_with(t)) out.push_back(breaker.tail);
    return out;
  };
  using Tails = std::vector<domain::Tokens>;
  EXPECT_EQ(tails(1), (Tails{{2}}));
  EXPECT_EQ(tails(2), Tails{});
  EXPECT_EQ(tails(3), (Tails{{}}));
  EXPECT_EQ(tails(4), (Tails{{}}));
  EXPECT_EQ(tails(5), (Tails{{}}));
  EXPECT_EQ(tails(6), (Tails{{2}}));
  EXPECT_EQ(tails(7), Tails{});
  EXPECT_TRUE(found->is_whole(3));
  EXPECT_FALSE(found->is_whole(1));
}

TEST(DryBreakers, AreLookedUpOnce) {
  const Pieces vocab({"</s>", "a", "b"});
  DryBreakerFinder finder(vocab);
  const auto first = finder.find({"a"});
  EXPECT_EQ(finder.find({"a"}), first);
  for (int i = 0; i < 40; ++i) EXPECT_TRUE(finder.find({std::string(static_cast<std::size_t>(i + 1), 'b')}));
  EXPECT_NE(finder.find({"a"}), first) << "only so many are kept";
  EXPECT_EQ(vocab.detokenized, vocab.size());
}

std::vector<std::pair<domain::Token, double>> infill(const Pieces& vocab, std::vector<double> probabilities) {
  std::vector<float> row;
  for (const double p : probabilities) row.push_back(static_cast<float>(std::log(p)));
  Sampler sampler({.samplers = {domain::SamplerStage::kInfill}}, 1, vocab.size(),
                  {.vocab = &vocab, .breakers = nullptr});
  std::vector<std::pair<domain::Token, double>> out;
  for (const auto& c : sampler.distribution(row)) out.emplace_back(c.id, static_cast<double>(c.p));
  return out;
}

TEST(Infill, EndsUnlessATokenIsSure) {
  const Pieces vocab({"</s>", "re", "return", "x", "y", "z"});
  // The end is as probable as an average token.
  EXPECT_EQ(infill(vocab, {0.1, 0.2, 0.2, 0.2, 0.2, 0.1}).size(), 1U);
  EXPECT_EQ(infill(vocab, {0.1, 0.2, 0.2, 0.2, 0.2, 0.1}).front().first, 0);
  // "re" and "return" count together, under the more probable one; nothing else is sure.
  const auto sure = infill(vocab, {0.001, 0.25, 0.35, 0.15, 0.149, 0.1});
  ASSERT_EQ(sure.size(), 2U);
  EXPECT_EQ(sure[0].first, 2);
  EXPECT_EQ(sure[1].first, 0);
  const Pieces more({"</s>", "re", "return", "x", "y", "z", "w"});
  EXPECT_EQ(infill(more, {0.001, 0.12, 0.13, 0.19, 0.19, 0.19, 0.179}).size(), 2U) << "re and return are, together";
  const Pieces others({"</s>", "a", "b", "c", "d", "e", "f"});
  const auto unsure = infill(others, {0.001, 0.17, 0.17, 0.17, 0.17, 0.17, 0.149});
  ASSERT_EQ(unsure.size(), 1U);
  EXPECT_EQ(unsure[0], (std::pair<domain::Token, double>(0, 1.0)));
}

}  // namespace
}  // namespace hearth::engine::core
