#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "domain/event.hpp"
#include "domain/request.hpp"

namespace hearth::engine::core {

struct Candidate {
  domain::Token id = 0;
  float logit = 0;
  float p = 0;
};

// What was drawn. `logprob` and `top` are of the model's own distribution (after logit_bias and penalties, before
// truncation and temperature), as OpenAI defines them.
struct Draw {
  domain::Token token = 0;
  float logprob = 0;
  std::vector<Candidate> top;  // most probable first; p holds the log-probability
};

// hearth's sampler pipeline over one row of logits: bias -> penalties -> top_k -> typical -> top_p -> min_p ->
// temperature -> draw. temperature 0 = the most probable token (lowest id among equals). One per sequence; not
// thread-safe. Each stage as in llama.cpp (min_keep 1). A NaN counts as minus infinity; equal logits order by id;
// out-of-range biases are ignored. No allocation after construction but Draw::top. The seed alone decides the draws
// (portable: no std distributions): seed s, choice i gives stream s+i.
class Sampler {
 public:
  Sampler(const domain::Sampling& settings, std::uint64_t seed, std::int32_t vocab_size);

  // REQUIRES: logits.size() == vocab_size; the row is used as scratch. `want_logprobs` < 0: none; else that many
  // alternatives.
  [[nodiscard]] Draw sample(std::span<float> logits, std::int32_t want_logprobs);
  // Tells the penalties what the sequence holds: prompt tokens once, then each drawn token.
  void accept(domain::Token token);
  [[nodiscard]] std::uint64_t seed() const { return seed_; }

 private:
  [[nodiscard]] bool greedy() const { return settings_.temperature <= 0; }
  [[nodiscard]] bool cuts() const;  // any stage between penalties and temperature
  [[nodiscard]] float scale() const;
  void apply_bias(std::span<float> logits) const;
  void apply_penalties(std::span<float> logits) const;
  void select_candidates(std::span<const float> logits);
  bool select_for_top_p(std::span<const float> logits);
  void cut_typical();
  void cut_top_p();
  void cut_min_p();
  [[nodiscard]] float log_min_p() const;
  void keep(std::size_t count);
  template <class Order>
  void sort_to(std::size_t count, const Order& order);
  void softmax();
  [[nodiscard]] domain::Token draw();
  [[nodiscard]] domain::Token draw_from_all(std::span<const float> logits);
  [[nodiscard]] double uniform();

  domain::Sampling settings_;
  std::uint64_t seed_;
  std::mt19937_64 random_;
  std::vector<Candidate> candidates_;
  std::size_t sorted_ = 0;   // so many of candidates_ are in order, before all others
  bool normalised_ = false;  // p of all candidates is up to date
  // The last repeat_last_n tokens (ring) and how often each occurs in it.
  std::vector<domain::Token> window_;
  std::size_t window_next_ = 0;
  std::vector<std::int32_t> counts_;  // [vocab]; empty without penalties
  std::vector<domain::Token> seen_;   // those with a count
  std::int32_t vocab_size_;
};

}  // namespace hearth::engine::core
