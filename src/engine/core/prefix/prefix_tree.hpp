#pragma once

#include <compare>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <unordered_map>
#include <vector>

#include "engine/core/prefix/saved_sequence.hpp"

namespace hearth::engine::core {

// Finds sequences by their beginnings: a radix tree, in which what sequences have in common is kept once. A search
// takes time by the length of what is searched for, however many sequences there are. No two sequences are equal. Not
// thread-safe.
class PrefixTree {
 public:
  using Id = std::uint64_t;  // the caller's; not 0
  struct Found {
    Id id = 0;                // 0: none
    std::int32_t length = 0;  // of the beginning, in tokens
  };

  // `points`: lengths at which it can be taken up beside its whole length, shortest first. A near sequence is preferred
  // to one that is far. REQUIRES: neither the id nor an equal sequence is there; tokens are not empty.
  void add(Id id, std::span<const domain::Token> tokens, std::span<const Position> points, bool near);
  // REQUIRES of both: it is there.
  void erase(Id id);
  void set_near(Id id, bool near);

  // What has the most of `prompt`, for sequences that can be cut anywhere, without those of which that is less than one
  // in `part`; among equals the near one, then the shortest.
  [[nodiscard]] Found longest(std::span<const domain::Token> prompt, std::int32_t part) const;
  // The longest beginning of `prompt` at which a sequence can be taken up; among equals as above.
  [[nodiscard]] Found longest_point(std::span<const domain::Token> prompt) const;
  // How much of `prompt` is in any sequence, in tokens.
  [[nodiscard]] std::int32_t common(std::span<const domain::Token> prompt) const { return walk(prompt).length; }
  // The sequence itself; 0: it is not there.
  [[nodiscard]] Id exact(std::span<const domain::Token> tokens) const;
  // One that begins with all of `tokens`, or is just that; 0: none.
  [[nodiscard]] Id continuing(std::span<const domain::Token> tokens) const;
  // The sequences with which `tokens` begins, itself included.
  [[nodiscard]] std::vector<Id> beginnings(std::span<const domain::Token> tokens) const;

  [[nodiscard]] domain::Tokens tokens_of(Id id) const;                 // REQUIRES: it is there
  [[nodiscard]] std::uint64_t tokens_held() const { return tokens_; }  // what they have in common counts once
  [[nodiscard]] std::size_t nodes() const { return nodes_.size() - free_.size(); }

 private:
  using Index = std::uint32_t;  // of a node; nodes refer to each other by these, so that no chain of them is recursive
  struct Rank {                 // what is preferred comes first
    bool far = true;
    std::int32_t size = std::numeric_limits<std::int32_t>::max();
    Id id = 0;
    auto operator<=>(const Rank&) const = default;
  };
  struct Node {
    domain::Tokens edge;  // from its parent
    Index parent = 0;
    std::int32_t depth = 0;  // tokens from the root to its end
    std::map<domain::Token, Index> children;
    Id whole = 0;            // the sequence that ends here
    std::set<Rank> points;   // what can be taken up here, `whole` included
    Rank nearest, shortest;  // of the sequences that end here or below: the shortest near one, the shortest one
  };
  struct Place {
    Index node = 0;           // the last one of whose edge something was matched
    std::int32_t length = 0;  // matched
  };
  struct Sequence {
    Index node = 0;
    bool near = false;
    std::vector<Position> points;
  };

  [[nodiscard]] Place walk(std::span<const domain::Token> tokens) const;
  [[nodiscard]] Index descend(Index from, std::span<const domain::Token> tokens);
  [[nodiscard]] Index make(Index parent, std::span<const domain::Token> edge);
  void split(Index node, std::int32_t depth);
  void free(Index node);
  void merge(Index node);
  [[nodiscard]] static Rank rank_of(Id id, const Sequence& sequence);
  // At the end of that sequence and above: its points, and what is summed up, with the second rank for the first.
  void refresh(const Sequence& sequence, std::optional<Rank> before, std::optional<Rank> after);
  static void take(Node& node, const Rank& rank);
  void sum_up(Node& node) const;

  std::vector<Node> nodes_ = std::vector<Node>(1);  // [0]: the root
  std::vector<Index> free_;
  std::unordered_map<Id, Sequence> sequences_;
  std::uint64_t tokens_ = 0;
};

}  // namespace hearth::engine::core
