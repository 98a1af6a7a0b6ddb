#include "engine/core/prefix/prefix_tree.hpp"

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <random>

namespace hearth::engine::core {
namespace {

using domain::Tokens;
using ::testing::UnorderedElementsAre;

// Letters are tokens.
Tokens tokens(std::string_view text) { return {text.begin(), text.end()}; }

TEST(PrefixTree, KeepsWhatIsCommonOnce) {
  PrefixTree tree;
  tree.add(1, tokens("the cat"), {}, true);
  tree.add(2, tokens("the car"), {}, true);
  tree.add(3, tokens("the"), {}, true);
  EXPECT_EQ(tree.tokens_held(), 8U);
  EXPECT_EQ(tree.tokens_of(2), tokens("the car"));
  EXPECT_EQ(tree.common(tokens("the cab")), 6);
  EXPECT_EQ(tree.common(tokens("a")), 0);
  EXPECT_THAT(tree.beginnings(tokens("the cart")), UnorderedElementsAre(2, 3));
  tree.erase(1);
  tree.erase(3);
  EXPECT_EQ(tree.tokens_of(2), tokens("the car"));
  EXPECT_EQ(tree.nodes(), 2U) << "what branches no more is one node with the root";
  tree.erase(2);
  EXPECT_EQ(tree.nodes(), 1U);
  EXPECT_EQ(tree.tokens_held(), 0U);
}

TEST(PrefixTree, ALongChainEndsWithoutRecursion) {
  PrefixTree tree;
  const Tokens all(100'000, 7);
  for (std::size_t i = 1; i <= all.size(); i += 10) tree.add(i, std::span(all).first(i), {}, true);
  EXPECT_EQ(tree.nodes(), 10'001U);
}

// The same by looking at each sequence.
class Plain {
 public:
  struct Sequence {
    Tokens tokens;
    std::vector<Position> points;
    bool near = false;
  };
  using Id = PrefixTree::Id;

  // The longest, then the near one, then the shortest: what is to be as good as that, since equals are equal.
  struct Best {
    std::int32_t length = 0;
    bool near = false;
    std::size_t size = 0;
    bool operator==(const Best&) const = default;
  };
  [[nodiscard]] Best best(std::span<const domain::Token> prompt, auto&& usable) const {
    Best out;
    for (const auto& [id, s] : all) {
      const std::int32_t length = usable(s, static_cast<std::int32_t>(common_length(prompt, s.tokens)));
      const auto worse = std::tuple(-out.length, !out.near, out.size);
      if (length > 0 && (out.length == 0 || std::tuple(-length, !s.near, s.tokens.size()) < worse))
        out = {.length = length, .near = s.near, .size = s.tokens.size()};
    }
    return out;
  }
  [[nodiscard]] Best as_best(PrefixTree::Found found) const {
    if (found.id == 0) return {};
    const auto& s = all.at(found.id);
    return {.length = found.length, .near = s.near, .size = s.tokens.size()};
  }
  std::map<Id, Sequence> all;
};

constexpr std::int32_t kPart = 4;

std::int32_t of_any(const Plain::Sequence& s, std::int32_t common) {
  return common >= static_cast<std::int32_t>(s.tokens.size()) / kPart ? common : 0;
}
std::int32_t of_points(const Plain::Sequence& s, std::int32_t common) {
  if (common == static_cast<std::int32_t>(s.tokens.size())) return common;
  const auto beyond = std::ranges::upper_bound(s.points, common);
  return beyond == s.points.begin() ? 0 : *(beyond - 1);
}

// Few letters and lengths, so that much is common.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  std::size_t below(std::size_t n) { return engine_() % n; }
  Tokens sequence() {
    Tokens out;
    for (std::size_t i = 1 + below(12); i > 0; --i)
      out.insert(out.end(), 1 + below(3), static_cast<domain::Token>(below(3)));
    return out;
  }
  std::vector<Position> points(std::size_t size) {
    std::vector<Position> out;
    for (std::size_t i = 1 + below(4); i < size; i += 1 + below(9)) out.push_back(static_cast<Position>(i));
    return out;
  }

 private:
  std::mt19937_64 engine_;
};

void expect_same(const PrefixTree& tree, const Plain& plain, const Tokens& prompt) {
  std::vector<PrefixTree::Id> beginnings;
  PrefixTree::Id exact = 0;
  std::size_t common = 0;
  bool continues = false;
  for (const auto& [id, s] : plain.all) {
    const auto same = common_length(prompt, s.tokens);
    common = std::max(common, same);
    if (same == s.tokens.size()) beginnings.push_back(id);
    continues = continues || same == prompt.size();
    if (s.tokens == prompt) exact = id;
  }
  ASSERT_EQ(plain.as_best(tree.longest(prompt, kPart)), plain.best(prompt, of_any));
  ASSERT_EQ(plain.as_best(tree.longest_point(prompt)), plain.best(prompt, of_points));
  ASSERT_EQ(tree.common(prompt), static_cast<std::int32_t>(common));
  ASSERT_EQ(tree.exact(prompt), exact);
  ASSERT_THAT(tree.beginnings(prompt), ::testing::UnorderedElementsAreArray(beginnings));
  const auto continuing = tree.continuing(prompt);
  ASSERT_EQ(continuing != 0, continues);
  if (continues) ASSERT_EQ(common_length(prompt, plain.all.at(continuing).tokens), prompt.size());
}

TEST(PrefixTree, FindsWhatLookingAtEachFinds) {
  Random random(1);
  PrefixTree tree;
  Plain plain;
  for (PrefixTree::Id id = 1; id < 4000; ++id) {
    const auto sequence = random.sequence();
    if (tree.exact(sequence) == 0) {
      const auto points = random.points(sequence.size());
      const bool near = random.below(2) == 0;
      tree.add(id, sequence, points, near);
      plain.all[id] = {.tokens = sequence, .points = points, .near = near};
    }
    auto some = plain.all.begin();
    std::advance(some, random.below(plain.all.size()));
    if (random.below(3) == 0) {
      some->second.near = !some->second.near;
      tree.set_near(some->first, some->second.near);
    } else if (plain.all.size() > 40 || random.below(4) == 0) {
      ASSERT_EQ(tree.tokens_of(some->first), some->second.tokens);
      tree.erase(some->first);
      plain.all.erase(some);
    }
    expect_same(tree, plain, random.sequence());
    if (::testing::Test::HasFatalFailure()) FAIL() << id;
    ASSERT_LE(tree.nodes(), 1 + 10 * plain.all.size()) << "a node ends a sequence, is a point, or branches";
  }
  while (!plain.all.empty()) {
    tree.erase(plain.all.begin()->first);
    plain.all.erase(plain.all.begin());
  }
  EXPECT_EQ(tree.nodes(), 1U);
  EXPECT_EQ(tree.tokens_held(), 0U);
}

}  // namespace
}  // namespace hearth::engine::core
