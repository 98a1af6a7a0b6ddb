#include "engine/core/sampling/dry_breakers.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace hearth::engine::core {
namespace {

constexpr std::size_t kBreakerBytes = 40;
constexpr std::size_t kTailTokens = 20;
constexpr std::size_t kKeptSets = 16;

}  // namespace

DryBreakers::DryBreakers(std::vector<Breaker> breakers) : sorted_(std::move(breakers)) {
  std::ranges::sort(sorted_);
  const auto rest = std::ranges::unique(sorted_);
  sorted_.erase(rest.begin(), rest.end());
}

std::span<const DryBreakers::Breaker> DryBreakers::beginning_with(domain::Token token) const {
  return std::ranges::equal_range(sorted_, token, {}, &Breaker::head);
}

bool DryBreakers::is_whole(domain::Token token) const {
  const auto range = beginning_with(token);
  return !range.empty() && range.front().tail.empty();  // an empty tail sorts first
}

std::shared_ptr<const DryBreakers> DryBreakerFinder::find(const std::vector<std::string>& texts) {
  std::shared_ptr<const std::vector<std::string>> pieces;
  std::shared_ptr<const DryBreakers> out;
  known_.with([&](Known& known) {
    const auto found = std::ranges::find(known.found, texts, [](const auto& entry) { return entry.first; });
    if (found != known.found.end()) {
      out = found->second;
      return;
    }
    if (!known.pieces) {
      auto all = std::make_shared<std::vector<std::string>>();
      all->reserve(static_cast<std::size_t>(vocab_.size()));
      for (domain::Token token = 0; token < vocab_.size(); ++token) all->push_back(vocab_.detokenize({token}));
      known.pieces = std::move(all);
    }
    pieces = known.pieces;
  });
  if (out) return out;
  out = std::make_shared<const DryBreakers>(search(*pieces, texts));
  known_.with([&](Known& known) {
    if (known.found.size() >= kKeptSets) known.found.erase(known.found.begin());
    known.found.emplace_back(texts, out);
  });
  return out;
}

std::vector<DryBreakers::Breaker> DryBreakerFinder::search(const std::vector<std::string>& pieces,
                                                           const std::vector<std::string>& texts) const {
  struct Wanted {
    std::string_view text;
    std::array<std::optional<domain::Tokens>, kBreakerBytes> tails;  // from this byte on
  };
  std::vector<Wanted> wanted;
  std::array<std::vector<std::size_t>, 256> by_first_byte;
  for (const auto& text : texts) {
    if (text.empty()) continue;
    by_first_byte[static_cast<unsigned char>(text.front())].push_back(wanted.size());
    wanted.push_back({.text = std::string_view(text).substr(0, kBreakerBytes), .tails = {}});
  }
  const auto tail_from = [&](Wanted& breaker, std::size_t from) -> const domain::Tokens& {
    auto& tail = breaker.tails[from];
    if (!tail) {
      tail = vocab_.tokenize(breaker.text.substr(from), false, false);
      tail->resize(std::min(tail->size(), kTailTokens));
    }
    return *tail;
  };
  std::vector<DryBreakers::Breaker> out;
  for (std::size_t token = 0; token < pieces.size(); ++token) {
    const std::string_view piece = pieces[token];
    const auto head = static_cast<domain::Token>(token);
    for (std::size_t at = 0; at < piece.size(); ++at) {
      const std::string_view rest = piece.substr(at);
      for (const std::size_t i : by_first_byte[static_cast<unsigned char>(piece[at])]) {
        Wanted& breaker = wanted[i];
        if (rest.starts_with(breaker.text))
          out.push_back({.head = head, .tail = {}});
        else if (breaker.text.starts_with(rest))
          out.push_back({.head = head, .tail = tail_from(breaker, rest.size())});
      }
    }
  }
  return out;
}

}  // namespace hearth::engine::core
