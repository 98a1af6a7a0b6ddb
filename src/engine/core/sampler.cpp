#include "engine/core/sampler.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace hearth::engine::core {
namespace {

constexpr float kImpossible = -std::numeric_limits<float>::infinity();

// The order of all stages: most probable first, lower id among equals.
bool before(const Candidate& a, const Candidate& b) { return a.logit != b.logit ? a.logit > b.logit : a.id < b.id; }

// The `count` most probable tokens as a heap with the least probable of them on top: one pass, few writes.
void select_top(std::span<const float> logits, std::size_t count, std::vector<Candidate>& out) {
  out.clear();
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const Candidate next{.id = static_cast<domain::Token>(i), .logit = logits[i]};
    if (out.size() < count) {
      out.push_back(next);
      std::ranges::push_heap(out, before);
    } else if (next.logit > out.front().logit) {  // an equal one has the higher id
      std::ranges::pop_heap(out, before);
      out.back() = next;
      std::ranges::push_heap(out, before);
    }
  }
  std::ranges::sort_heap(out, before);
}

// NaN becomes minus infinity, plus infinity the largest number: what follows may subtract and compare freely.
void make_finite(std::span<float> logits) {
  constexpr float kMost = std::numeric_limits<float>::max();
  for (float& logit : logits) {
    logit = std::isnan(logit) ? kImpossible : logit;
    logit = logit > kMost ? kMost : logit;
  }
}

std::size_t index_of_max(std::span<const float> logits) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < logits.size(); ++i) {
    if (logits[i] > logits[best]) best = i;
  }
  return best;
}

double log_sum_exp(std::span<const float> logits) {
  const float most = logits[index_of_max(logits)];
  if (most == kImpossible) return 0;
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - most);
  return static_cast<double>(most) + std::log(sum);
}

bool has_penalties(const domain::Sampling& s) {
  return s.repeat_last_n != 0 && (s.repeat_penalty != 1.0 || s.presence_penalty != 0.0 || s.frequency_penalty != 0.0);
}

}  // namespace

Sampler::Sampler(const domain::Sampling& settings, std::uint64_t seed, std::int32_t vocab_size)
    : settings_(settings), seed_(seed), random_(seed), vocab_size_(vocab_size) {
  const auto vocab = static_cast<std::size_t>(vocab_size);
  if (!greedy()) {
    candidates_.reserve(settings_.top_k > 0 ? std::min(vocab, static_cast<std::size_t>(settings_.top_k)) : vocab);
  }
  if (has_penalties(settings_)) {
    counts_.resize(vocab);
    if (settings_.repeat_last_n > 0) {
      window_.reserve(static_cast<std::size_t>(settings_.repeat_last_n));
      seen_.reserve(std::min(vocab, static_cast<std::size_t>(settings_.repeat_last_n)));
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
    if (std::isnan(logit)) logit = kImpossible;
  }
}

// top_k where asked; else everything that a lone min_p leaves (it needs no probabilities), else the whole vocabulary.
void Sampler::select_candidates(std::span<const float> logits) {
  normalised_ = false;
  if (settings_.top_k > 0 && static_cast<std::size_t>(settings_.top_k) < logits.size()) {
    select_top(logits, static_cast<std::size_t>(settings_.top_k), candidates_);
    sorted_ = candidates_.size();
    return;
  }
  candidates_.clear();
  sorted_ = 0;
  const bool only_min_p = settings_.min_p > 0 && settings_.typical_p >= 1 && settings_.top_p >= 1;
  const float least = only_min_p ? logits[index_of_max(logits)] + log_min_p() : kImpossible;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] >= least) candidates_.push_back({.id = static_cast<domain::Token>(i), .logit = logits[i]});
  }
}

// Locally typical sampling (Meister et al. 2022): what is nearest to the distribution's entropy, up to the mass typical_p.
void Sampler::cut_typical() {
  if (settings_.typical_p >= 1) return;
  softmax();
  double entropy = 0;
  for (const auto& c : candidates_) {
    if (c.p > 0) entropy -= static_cast<double>(c.p) * std::log(static_cast<double>(c.p));
  }
  const auto distance = [entropy](const Candidate& c) {
    return c.p > 0 ? std::abs(-std::log(static_cast<double>(c.p)) - entropy) : std::numeric_limits<double>::infinity();
  };
  std::ranges::sort(candidates_, [&](const Candidate& a, const Candidate& b) {
    const double da = distance(a);
    const double db = distance(b);
    return da != db ? da < db : before(a, b);
  });
  double mass = 0;
  std::size_t kept = 0;
  while (kept < candidates_.size() && mass <= settings_.typical_p) mass += static_cast<double>(candidates_[kept++].p);
  sorted_ = 0;
  keep(kept);
}

void Sampler::cut_top_p() {
  if (settings_.top_p >= 1) return;
  softmax();
  double mass = 0;
  std::size_t kept = 0;
  while (kept < candidates_.size()) {
    if (kept >= sorted_) sort_to(std::max<std::size_t>(64, kept * 4));  // most of the mass is in a few tokens
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
        std::ranges::partition_point(candidates_, [least](const auto& c) { return c.logit >= least; }) - candidates_.begin()));
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

// Brings the `count` most probable candidates to the front, in order.
void Sampler::sort_to(std::size_t count) {
  const auto begin = candidates_.begin() + static_cast<std::ptrdiff_t>(sorted_);
  if (count < candidates_.size()) {
    const auto middle = candidates_.begin() + static_cast<std::ptrdiff_t>(count);
    std::ranges::nth_element(begin, middle, candidates_.end(), before);
    std::ranges::sort(begin, middle, before);
    sorted_ = count;
  } else {
    std::ranges::sort(begin, candidates_.end(), before);
    sorted_ = candidates_.size();
  }
}

void Sampler::softmax() {
  if (normalised_) return;
  const float most = std::ranges::max(candidates_, {}, &Candidate::logit).logit;
  double sum = 0;
  for (auto& c : candidates_) {
    c.p = most == kImpossible ? 1.0F : std::exp(c.logit - most);
    sum += static_cast<double>(c.p);
  }
  for (auto& c : candidates_) c.p = static_cast<float>(static_cast<double>(c.p) / sum);
  normalised_ = true;
}

domain::Token Sampler::draw() {
  const float most = std::ranges::max(candidates_, {}, &Candidate::logit).logit;
  if (most == kImpossible) return candidates_.front().id;
  // Temperature on the distance to the best one: no overflow however small it is.
  const auto scale = 1 / settings_.temperature;
  double sum = 0;
  for (auto& c : candidates_) {
    c.p = static_cast<float>(std::exp((static_cast<double>(c.logit) - static_cast<double>(most)) * scale));
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

// 53 bits in [0, 1): the same on every platform.
double Sampler::uniform() { return static_cast<double>(random_() >> 11U) * 0x1.0p-53; }

}  // namespace hearth::engine::core
