#include "engine/core/sampler.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/core/softmax.hpp"

namespace hearth::engine::core {
namespace {

// A longer window grows as it fills: a client's number must not decide how much is allocated at once.
constexpr std::size_t kWindowReserve = 4096;
constexpr float kImpossible = -std::numeric_limits<float>::infinity();

// The order of all stages: most probable first, lower id among equals.
bool before(const Candidate& a, const Candidate& b) { return a.logit != b.logit ? a.logit > b.logit : a.id < b.id; }

// The `count` most probable tokens, in order: a heap with the least probable of them on top; most blocks hold nothing
// better.
void select_top(std::span<const float> logits, std::size_t count, std::vector<Candidate>& out) {
  out.clear();
  for (std::size_t block = 0; block < logits.size(); block += kSoftmaxBlock) {
    const auto part = logits.subspan(block, std::min(kSoftmaxBlock, logits.size() - block));
    if (out.size() == count && max_of(part) <= out.front().logit) continue;  // an equal one has the higher id
    for (std::size_t i = 0; i < part.size(); ++i) {
      if (out.size() == count) {
        if (part[i] <= out.front().logit) continue;
        std::ranges::pop_heap(out, before);
        out.pop_back();
      }
      out.push_back({.id = static_cast<domain::Token>(block + i), .logit = part[i]});
      std::ranges::push_heap(out, before);
    }
  }
  std::ranges::sort_heap(out, before);
}

double log_sum_exp(std::span<const float> logits) {
  const float most = max_of(logits);
  return most == kImpossible ? 0 : static_cast<double>(most) + std::log(sum_exp(logits, most, 1));
}

bool has_penalties(const domain::Sampling& s) {
  return s.repeat_last_n != 0 && (s.repeat_penalty != 1.0 || s.presence_penalty != 0.0 || s.frequency_penalty != 0.0);
}

}  // namespace

Sampler::Sampler(const domain::Sampling& settings, std::uint64_t seed, std::int32_t vocab_size)
    : settings_(settings), seed_(seed), random_(seed), vocab_size_(vocab_size) {
  const auto vocab = static_cast<std::size_t>(vocab_size);
  if (!greedy() && cuts()) {
    candidates_.reserve(settings_.top_k > 0 ? std::min(vocab, static_cast<std::size_t>(settings_.top_k)) : vocab);
  }
  if (has_penalties(settings_)) {
    counts_.resize(vocab);
    if (settings_.repeat_last_n > 0) {
      const std::size_t window = std::min(static_cast<std::size_t>(settings_.repeat_last_n), kWindowReserve);
      window_.reserve(window);
      seen_.reserve(std::min(vocab, window));
    } else {
      seen_.reserve(vocab);
    }
  }
}

Draw Sampler::sample(std::span<float> logits, std::int32_t want_logprobs) {
  apply_bias(logits);
  make_finite(logits);
  apply_penalties(logits);
  Draw out;
  if (greedy()) {
    out.token = static_cast<domain::Token>(index_of_max(logits));
  } else if (!cuts()) {
    out.token = draw_from_all(logits);
  } else {
    select_candidates(logits);
    cut_typical();
    cut_top_p();
    cut_min_p();
    out.token = draw();
  }
  if (want_logprobs >= 0) {
    const double total = log_sum_exp(logits);
    const auto logprob = [total](float logit) { return static_cast<float>(static_cast<double>(logit) - total); };
    out.logprob = logprob(logits[static_cast<std::size_t>(out.token)]);
    if (want_logprobs > 0) {
      out.top.reserve(static_cast<std::size_t>(want_logprobs));
      select_top(logits, static_cast<std::size_t>(want_logprobs), out.top);
    }
    for (auto& alternative : out.top) alternative.p = logprob(alternative.logit);
  }
  return out;
}

void Sampler::accept(domain::Token token) {
  if (counts_.empty() || token < 0 || token >= vocab_size_) return;
  const auto add = [this](domain::Token t) {
    if (counts_[static_cast<std::size_t>(t)]++ == 0) seen_.push_back(t);
  };
  if (settings_.repeat_last_n < 0) return add(token);
  if (window_.size() < static_cast<std::size_t>(settings_.repeat_last_n)) {
    window_.push_back(token);
    return add(token);
  }
  const domain::Token oldest = window_[window_next_];
  if (--counts_[static_cast<std::size_t>(oldest)] == 0) {
    *std::ranges::find(seen_, oldest) = seen_.back();
    seen_.pop_back();
  }
  window_[window_next_] = token;
  window_next_ = (window_next_ + 1) % window_.size();
  add(token);
}

void Sampler::apply_bias(std::span<float> logits) const {
  for (const auto& [token, bias] : settings_.logit_bias) {
    if (token >= 0 && token < vocab_size_) logits[static_cast<std::size_t>(token)] += static_cast<float>(bias);
  }
}

void Sampler::apply_penalties(std::span<float> logits) const {
  const auto repeat = static_cast<float>(settings_.repeat_penalty);
  const auto frequency = static_cast<float>(settings_.frequency_penalty);
  const auto presence = static_cast<float>(settings_.presence_penalty);
  for (const domain::Token token : seen_) {
    float& logit = logits[static_cast<std::size_t>(token)];
    if (logit == kImpossible) continue;
    logit = logit > 0 ? logit / repeat : logit * repeat;
    logit -= static_cast<float>(counts_[static_cast<std::size_t>(token)]) * frequency + presence;
    make_finite({&logit, 1});
  }
}

bool Sampler::cuts() const {
  return settings_.top_k > 0 || settings_.typical_p < 1 || settings_.top_p < 1 || settings_.min_p > 0;
}

// top_k where asked. Without it as few as the first stage needs: what min_p leaves (it needs no probabilities), or so
// many of the most probable ones that they reach top_p. The whole vocabulary only if these do not.
void Sampler::select_candidates(std::span<const float> logits) {
  normalised_ = false;
  const std::size_t count = settings_.top_k > 0 ? static_cast<std::size_t>(settings_.top_k) : logits.size();
  if (count < logits.size()) {
    select_top(logits, count, candidates_);
    sorted_ = candidates_.size();
    return;
  }
  if (settings_.typical_p >= 1 && settings_.top_p < 1 && select_for_top_p(logits)) return;
  candidates_.clear();
  sorted_ = 0;
  const bool only_min_p = settings_.min_p > 0 && settings_.typical_p >= 1 && settings_.top_p >= 1;
  const float least = only_min_p ? max_of(logits) + log_min_p() : kImpossible;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] >= least) candidates_.push_back({.id = static_cast<domain::Token>(i), .logit = logits[i]});
  }
}

// The head of the distribution with its true probabilities, if it has the mass top_p.
bool Sampler::select_for_top_p(std::span<const float> logits) {
  constexpr std::size_t kHead = 256;
  const float most = max_of(logits);
  if (logits.size() <= kHead || most == kImpossible) return false;
  select_top(logits, kHead, candidates_);
  const double sum = sum_exp(logits, most, 1);
  double mass = 0;
  for (auto& c : candidates_) {
    c.p = static_cast<float>(static_cast<double>(exp_of(c.logit - most)) / sum);
    mass += static_cast<double>(c.p);
  }
  if (mass < settings_.top_p) return false;
  sorted_ = candidates_.size();
  normalised_ = true;
  return true;
}

// Locally typical sampling (Meister et al. 2022): what is nearest to the distribution's entropy, up to the mass
// typical_p.
void Sampler::cut_typical() {
  if (settings_.typical_p >= 1) return;
  softmax();
  double entropy = 0;
  for (const auto& c : candidates_) {
    if (c.p > 0) entropy -= static_cast<double>(c.p) * std::log(static_cast<double>(c.p));
  }
  // -log p = log(sum) - logit: the distance to the entropy is one of logits.
  const Candidate& best = std::ranges::max(candidates_, {}, &Candidate::logit);
  const auto centre =
      static_cast<float>(static_cast<double>(best.logit) - std::log(static_cast<double>(best.p)) - entropy);
  const auto nearer = [centre](const Candidate& a, const Candidate& b) {
    const float da = std::abs(a.logit - centre);
    const float db = std::abs(b.logit - centre);
    return da != db ? da < db : before(a, b);
  };
  sorted_ = 0;
  double mass = 0;
  std::size_t kept = 0;
  while (kept < candidates_.size() && mass <= settings_.typical_p) {
    if (kept >= sorted_) sort_to(std::max(kSoftmaxBlock, kept * 4), nearer);
    mass += static_cast<double>(candidates_[kept++].p);
  }
  sorted_ = 0;
  keep(kept);
}

void Sampler::cut_top_p() {
  if (settings_.top_p >= 1) return;
  softmax();
  double mass = 0;
  std::size_t kept = 0;
  while (kept < candidates_.size()) {
    if (kept >= sorted_) sort_to(std::max(kSoftmaxBlock, kept * 4), before);  // most of the mass is in a few tokens
    mass += static_cast<double>(candidates_[kept++].p);
    if (mass >= settings_.top_p) break;
  }
  keep(kept);
}

void Sampler::cut_min_p() {
  if (settings_.min_p <= 0) return;
  const float most = std::ranges::max(candidates_, {}, &Candidate::logit).logit;
  const float least = most + log_min_p();
  if (sorted_ == candidates_.size()) {
    keep(static_cast<std::size_t>(
        std::ranges::partition_point(candidates_, [least](const auto& c) { return c.logit >= least; }) -
        candidates_.begin()));
    return;
  }
  const auto removed = std::ranges::remove_if(candidates_, [least](const auto& c) { return !(c.logit >= least); });
  candidates_.erase(removed.begin(), removed.end());
  sorted_ = 0;
  normalised_ = false;
}

// Of a min_p above 1 the most probable token is left.
float Sampler::log_min_p() const { return std::min(std::log(static_cast<float>(settings_.min_p)), 0.0F); }

// Keeps the first `count` candidates, at least one.
void Sampler::keep(std::size_t count) {
  const std::size_t kept = std::clamp<std::size_t>(count, 1, candidates_.size());
  if (kept != candidates_.size()) normalised_ = false;
  candidates_.resize(kept);
  sorted_ = std::min(sorted_, kept);
}

// Brings the first `count` candidates of an order to the front. REQUIRES: the first sorted_ are there already.
template <class Order>
void Sampler::sort_to(std::size_t count, const Order& order) {
  const auto begin = candidates_.begin() + static_cast<std::ptrdiff_t>(sorted_);
  sorted_ = std::min(count, candidates_.size());
  const auto end = candidates_.begin() + static_cast<std::ptrdiff_t>(sorted_);
  if (end != candidates_.end()) std::ranges::nth_element(begin, end, candidates_.end(), order);
  std::ranges::sort(begin, end, order);
}

void Sampler::softmax() {
  if (normalised_) return;
  const float most = std::ranges::max(candidates_, {}, &Candidate::logit).logit;
  double sum = 0;
  for (auto& c : candidates_) {
    c.p = most == kImpossible ? 1.0F : exp_of(c.logit - most);
    sum += static_cast<double>(c.p);
  }
  for (auto& c : candidates_) c.p = static_cast<float>(static_cast<double>(c.p) / sum);
  normalised_ = true;
}

domain::Token Sampler::draw() {
  const float most = std::ranges::max(candidates_, {}, &Candidate::logit).logit;
  if (most == kImpossible) return candidates_.front().id;
  double sum = 0;
  for (auto& c : candidates_) {
    c.p = exp_of((c.logit - most) * scale());
    sum += static_cast<double>(c.p);
  }
  normalised_ = false;
  double left = uniform() * sum;
  domain::Token last = candidates_.front().id;
  for (const auto& c : candidates_) {
    if (c.p <= 0) continue;
    last = c.id;
    left -= static_cast<double>(c.p);
    if (left < 0) break;
  }
  return last;
}

// Nothing is cut: no candidates, two passes over the row.
domain::Token Sampler::draw_from_all(std::span<const float> logits) {
  const float most = max_of(logits);
  if (most == kImpossible) return 0;
  double sum = 0;
  const auto each_block = [&](auto&& visit) {
    for (std::size_t i = 0; i < logits.size(); i += kSoftmaxBlock) {
      const auto block = logits.subspan(i, std::min(kSoftmaxBlock, logits.size() - i));
      if (!visit(i, block, sum_exp(block, most, scale()))) return;
    }
  };
  each_block([&sum](std::size_t, auto, double mass) {
    sum += mass;
    return true;
  });
  double left = uniform() * sum;
  std::size_t last = 0;
  each_block([&](std::size_t begin, std::span<const float> block, double mass) {
    left -= mass;
    if (mass > 0) last = begin + index_of_max(block);  // for a rest that rounding left over
    if (left >= 0) return true;
    left += mass;
    for (std::size_t i = 0; i < block.size() && left >= 0; ++i) {
      const auto p = static_cast<double>(exp_of((block[i] - most) * scale()));
      if (p <= 0) continue;
      left -= p;
      last = begin + i;
    }
    return false;
  });
  return static_cast<domain::Token>(last);
}

// Of distances to the best logit: no overflow however small the temperature is.
float Sampler::scale() const { return static_cast<float>(std::min(1 / settings_.temperature, 1e30)); }

// 53 bits in [0, 1): the same on every platform.
double Sampler::uniform() { return static_cast<double>(random_() >> 11U) * 0x1.0p-53; }

}  // namespace hearth::engine::core
