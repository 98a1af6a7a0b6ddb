#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <vector>

#include "domain/request.hpp"
#include "engine/core/sampling/adaptive_p.hpp"
#include "engine/core/sampling/candidates.hpp"
#include "engine/core/sampling/dry.hpp"
#include "engine/core/sampling/mirostat.hpp"
#include "engine/core/sampling/penalties.hpp"
#include "engine/core/vocab.hpp"

namespace hearth::engine::core {

// What was drawn. `logprob` and `top` are of the model's own distribution (after logit_bias and the penalties and DRY
// that the chain begins with, before truncation and temperature), as OpenAI defines them.
struct Draw {
  domain::Token token = 0;
  float logprob = 0;
  std::vector<Candidate> top;  // most probable first; p holds the log-probability
};

// What a model gives `token`, whatever a chain would make of it. The row is made finite.
[[nodiscard]] Draw measure(std::span<float> row, domain::Token token, std::int32_t alternatives);

// What a sampler may need of the model.
struct SamplerModel {
  const Vocab* vocab = nullptr;                 // for infill, which is skipped without
  std::shared_ptr<const DryBreakers> breakers;  // shared with all choices of a request
};

// hearth's sampler pipeline over one row of logits: logit_bias, then settings.samplers in their order, then the draw.
// Each stage and what goes together as in llama.cpp (common/sampling.cpp): mirostat takes the place of the chain but
// for the temperature; adaptive_p draws in place of the plain draw; a temperature of 0 leaves the most probable token
// (lowest id among equals). One per sequence; not thread-safe. A NaN counts as minus infinity; equal logits order by
// id; out-of-range biases are ignored. No allocation after construction but Draw::top, infill and windows of thousands
// of tokens. The seed alone decides the draws (portable: no std distributions): seed s, choice i gives stream s+i.
class Sampler {
 public:
  Sampler(const domain::Sampling& settings, std::uint64_t seed, std::int32_t vocab_size, SamplerModel model = {});

  // REQUIRES: logits.size() == vocab_size; the row is used as scratch. `want_logprobs` < 0: none; else that many
  // alternatives.
  [[nodiscard]] Draw sample(std::span<float> logits, std::int32_t want_logprobs);
  // What sample() would draw from, and with which probabilities. xtc takes its chance as if it were drawn.
  [[nodiscard]] std::span<const Candidate> distribution(std::span<float> logits);
  // What the sequence holds: prompt tokens once, then each drawn token.
  void accept(domain::Token token);
  [[nodiscard]] std::uint64_t seed() const { return seed_; }

 private:
  enum class Way {
    kGreedy,  // the most probable token
    kWhole,   // nothing is cut: no candidates, two passes over the row
    kChain,
  };

  [[nodiscard]] bool does_something(domain::SamplerStage stage) const;
  [[nodiscard]] Way find_way() const;
  [[nodiscard]] bool ends_greedily() const;
  void reserve();
  void adjust_row(std::span<float> row);
  void shape(std::span<const float> row);
  void run_chain(std::span<const float> row);
  [[nodiscard]] bool start_with(domain::SamplerStage stage, std::span<const float> row);
  void apply(domain::SamplerStage stage);
  [[nodiscard]] domain::Token draw();
  [[nodiscard]] domain::Token draw_from_all(std::span<const float> row);
  [[nodiscard]] double uniform();

  domain::Sampling settings_;
  std::uint64_t seed_;
  std::mt19937_64 random_;
  std::int32_t vocab_size_;
  const Vocab* vocab_;
  std::size_t min_keep_;
  domain::SamplerChain stages_;  // those that do something
  std::size_t of_row_ = 0;       // so many of them come first and work on the row itself
  Way way_ = Way::kWhole;
  std::optional<Penalties> penalties_;
  std::optional<Dry> dry_;
  std::optional<Mirostat> mirostat_;
  std::optional<AdaptiveP> adaptive_;
  Candidates candidates_;
  std::vector<double> masses_;  // of the row's blocks, where nothing is cut
  bool shaped_ = false;         // candidates_ are those of the token that comes next
};

}  // namespace hearth::engine::core
