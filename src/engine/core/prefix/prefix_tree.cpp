#include "engine/core/prefix/prefix_tree.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace hearth::engine::core {

namespace {

std::int32_t length_of(std::span<const domain::Token> tokens) { return static_cast<std::int32_t>(tokens.size()); }

}  // namespace

void PrefixTree::add(Id id, std::span<const domain::Token> tokens, std::span<const Position> points, bool near) {
  Sequence sequence{.near = near, .points = {points.begin(), points.end()}};
  if (sequence.points.empty() || sequence.points.back() < length_of(tokens))
    sequence.points.push_back(length_of(tokens));
  for (const Position point : sequence.points)
    sequence.node = descend(sequence.node, tokens.first(static_cast<std::size_t>(point)));
  nodes_[sequence.node].whole = id;
  const auto& added = sequences_[id] = std::move(sequence);
  refresh(added, std::nullopt, rank_of(id, added));
}

void PrefixTree::erase(Id id) {
  const auto found = sequences_.find(id);
  const Sequence sequence = std::move(found->second);
  sequences_.erase(found);
  nodes_[sequence.node].whole = 0;
  refresh(sequence, rank_of(id, sequence), std::nullopt);
  for (Index at = sequence.node; at != 0;) {
    const Node& node = nodes_[at];
    const Index parent = node.parent;
    if (node.points.empty() && node.children.empty())
      free(at);
    else if (node.points.empty() && node.children.size() == 1)
      merge(at);
    at = parent;
  }
}

void PrefixTree::set_near(Id id, bool near) {
  Sequence& sequence = sequences_.find(id)->second;
  if (sequence.near == near) return;
  const Rank before = rank_of(id, sequence);
  sequence.near = near;
  refresh(sequence, before, rank_of(id, sequence));
}

PrefixTree::Found PrefixTree::longest(std::span<const domain::Token> prompt, std::int32_t part) const {
  auto [at, common] = walk(prompt);
  // What was too long for more of it is too long for less, so that each node can answer for all below it.
  for (; common > 0; at = nodes_[at].parent, common = nodes_[at].depth) {
    const Node& node = nodes_[at];
    for (const Rank& best : {node.nearest, node.shortest}) {
      if (best.id != 0 && common >= best.size / part) return {.id = best.id, .length = common};
    }
  }
  return {};
}

PrefixTree::Found PrefixTree::longest_point(std::span<const domain::Token> prompt) const {
  const auto [last, matched] = walk(prompt);
  for (Index at = last; at != 0; at = nodes_[at].parent) {
    const Node& node = nodes_[at];
    if (node.depth <= matched && !node.points.empty()) return {.id = node.points.begin()->id, .length = node.depth};
  }
  return {};
}

PrefixTree::Id PrefixTree::exact(std::span<const domain::Token> tokens) const {
  const auto [at, matched] = walk(tokens);
  return matched == length_of(tokens) && nodes_[at].depth == matched ? nodes_[at].whole : 0;
}

PrefixTree::Id PrefixTree::continuing(std::span<const domain::Token> tokens) const {
  const auto [at, matched] = walk(tokens);
  if (matched < length_of(tokens)) return 0;
  return nodes_[at].nearest.id != 0 ? nodes_[at].nearest.id : nodes_[at].shortest.id;
}

std::vector<PrefixTree::Id> PrefixTree::beginnings(std::span<const domain::Token> tokens) const {
  std::vector<Id> out;
  const auto [last, matched] = walk(tokens);
  for (Index at = last; at != 0; at = nodes_[at].parent) {
    if (nodes_[at].whole != 0 && nodes_[at].depth <= matched) out.push_back(nodes_[at].whole);
  }
  return out;
}

domain::Tokens PrefixTree::tokens_of(Id id) const {
  Index at = sequences_.find(id)->second.node;
  domain::Tokens out(static_cast<std::size_t>(nodes_[at].depth));
  for (auto end = out.end(); at != 0; at = nodes_[at].parent)
    end = std::ranges::copy_backward(nodes_[at].edge, end).out;
  return out;
}

PrefixTree::Place PrefixTree::walk(std::span<const domain::Token> tokens) const {
  Place out;
  while (out.length < length_of(tokens)) {
    const auto rest = tokens.subspan(static_cast<std::size_t>(out.length));
    const auto& children = nodes_[out.node].children;
    const auto child = children.find(rest.front());
    if (child == children.end()) break;
    const auto& edge = nodes_[child->second].edge;
    const auto matched = common_length(rest, edge);
    out = {.node = child->second, .length = out.length + static_cast<std::int32_t>(matched)};
    if (matched < edge.size()) break;
  }
  return out;
}

// The node at the end of `tokens`, made if need be. REQUIRES: `from` lies on the way to it.
PrefixTree::Index PrefixTree::descend(Index from, std::span<const domain::Token> tokens) {
  while (nodes_[from].depth < length_of(tokens)) {
    const auto rest = tokens.subspan(static_cast<std::size_t>(nodes_[from].depth));
    const auto& children = nodes_[from].children;
    const auto child = children.find(rest.front());
    if (child == children.end()) return make(from, rest);
    const auto matched = common_length(rest, nodes_[child->second].edge);
    const Index next = child->second;
    if (matched < nodes_[next].edge.size()) {
      split(next, nodes_[from].depth + static_cast<std::int32_t>(matched));
      from = nodes_[next].parent;
    } else {
      from = next;
    }
  }
  return from;
}

PrefixTree::Index PrefixTree::make(Index parent, std::span<const domain::Token> edge) {
  Index out = static_cast<Index>(nodes_.size());
  if (free_.empty()) {
    nodes_.emplace_back();
  } else {
    out = free_.back();
    free_.pop_back();
  }
  Node& node = nodes_[out];
  node.edge.assign(edge.begin(), edge.end());
  node.parent = parent;
  node.depth = nodes_[parent].depth + length_of(edge);
  nodes_[parent].children[edge.front()] = out;
  tokens_ += edge.size();
  return out;
}

// Puts a node into the edge of this one, at that depth.
void PrefixTree::split(Index node, std::int32_t depth) {
  const Index parent = nodes_[node].parent;
  const auto kept = static_cast<std::size_t>(depth - nodes_[parent].depth);
  const domain::Tokens edge = std::exchange(nodes_[node].edge, {});
  tokens_ -= kept;  // make() counts them again
  const Index middle = make(parent, std::span(edge).first(kept));
  Node& below = nodes_[node];
  below.edge.assign(edge.begin() + static_cast<std::ptrdiff_t>(kept), edge.end());
  below.parent = middle;
  nodes_[middle].children[below.edge.front()] = node;
  nodes_[middle].nearest = below.nearest;
  nodes_[middle].shortest = below.shortest;
}

void PrefixTree::free(Index node) {
  tokens_ -= nodes_[node].edge.size();
  nodes_[nodes_[node].parent].children.erase(nodes_[node].edge.front());
  nodes_[node] = {};
  free_.push_back(node);
}

// Its only child takes its place.
void PrefixTree::merge(Index node) {
  Node& upper = nodes_[node];
  const Index child = upper.children.begin()->second;
  Node& lower = nodes_[child];
  upper.edge.insert(upper.edge.end(), lower.edge.begin(), lower.edge.end());
  lower.edge = std::move(upper.edge);
  lower.parent = upper.parent;
  nodes_[upper.parent].children[lower.edge.front()] = child;
  upper = {};
  free_.push_back(node);
}

PrefixTree::Rank PrefixTree::rank_of(Id id, const Sequence& sequence) {
  return {.far = !sequence.near, .size = sequence.points.back(), .id = id};
}

void PrefixTree::refresh(const Sequence& sequence, std::optional<Rank> before, std::optional<Rank> after) {
  auto point = sequence.points.rbegin();
  for (Index at = sequence.node;; at = nodes_[at].parent) {
    Node& node = nodes_[at];
    if (point != sequence.points.rend() && node.depth == *point) {
      ++point;
      if (before) node.points.erase(*before);
      if (after) node.points.insert(*after);
    }
    const bool far = !after || after->far;
    if (before && ((!after && node.shortest.id == before->id) || (far && node.nearest.id == before->id)))
      sum_up(node);  // as long as it has children, so only where the first one is gone
    else if (after)
      take(node, *after);
    if (at == 0) return;
  }
}

void PrefixTree::take(Node& node, const Rank& rank) {
  if (rank.id == 0) return;
  if (!rank.far) node.nearest = std::min(node.nearest, rank);
  if (std::pair(rank.size, rank.id) <= std::pair(node.shortest.size, node.shortest.id)) node.shortest = rank;
}

void PrefixTree::sum_up(Node& node) const {
  node.nearest = node.shortest = {};
  if (node.whole != 0) take(node, rank_of(node.whole, sequences_.find(node.whole)->second));
  for (const auto& [token, child] : node.children) {
    take(node, nodes_[child].nearest);
    take(node, nodes_[child].shortest);
  }
}

}  // namespace hearth::engine::core
