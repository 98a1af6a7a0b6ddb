#include "engine/core/sampling/infill.hpp"

#include <algorithm>
#include <string>

#include "engine/core/sampling/softmax.hpp"

namespace hearth::engine::core {
namespace {

constexpr std::size_t kCompared = 256;  // each with each
constexpr double kSure = 0.2;

// Whether the answer may as well end: the end is not much less probable than a token is on average.
bool should_end(const Vocab& vocab, const Candidates& candidates) {
  double text = 0;
  double end = 0;
  for (const auto& c : candidates.items()) (vocab.is_end(c.id) ? end : text) += static_cast<double>(c.p);
  return 3 * end * static_cast<double>(candidates.counted()) > text;
}

// Of two tokens where one begins with the other the more probable one takes over what the other has.
void join_prefixes(const Vocab& vocab, std::span<Candidate> sorted) {
  std::vector<std::string> pieces;
  pieces.reserve(sorted.size());
  for (const auto& c : sorted) pieces.push_back(vocab.piece(c.id, false));
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    for (std::size_t j = 0; j < sorted.size() && sorted[i].logit != kImpossible; ++j) {
      if (i == j || sorted[j].logit == kImpossible || pieces[i].empty() || !pieces[j].starts_with(pieces[i])) continue;
      Candidate& more = sorted[j].p > sorted[i].p ? sorted[j] : sorted[i];
      Candidate& less = sorted[j].p > sorted[i].p ? sorted[i] : sorted[j];
      more.p += less.p;
      less.p = 0;
      less.logit = kImpossible;
    }
  }
}

}  // namespace

void apply_infill(const Vocab& vocab, Candidates& candidates) {
  candidates.normalise();
  const auto is_end = [&vocab](const Candidate& c) { return vocab.is_end(c.id); };
  if (should_end(vocab, candidates)) return candidates.filter(is_end);
  candidates.sort_top(kCompared);
  join_prefixes(vocab, candidates.items().first(std::min(kCompared, candidates.items().size())));
  double mass = 0;
  std::size_t texts = 0;
  for (const auto& c : candidates.items()) {
    if (!is_end(c) && static_cast<double>(c.p) < kSure) continue;
    mass += static_cast<double>(c.p);
    texts += is_end(c) ? 0 : 1;
  }
  if (texts == 0) {
    if (vocab.end_of_turn() >= 0) candidates.become(vocab.end_of_turn());
    return;
  }
  const double enough = std::max(kSure, mass / static_cast<double>(texts + 1));
  candidates.filter([&](const Candidate& c) { return is_end(c) || static_cast<double>(c.p) >= enough; });
}

}  // namespace hearth::engine::core
