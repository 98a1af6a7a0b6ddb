#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "engine/core/prefix/prefix_store.hpp"
#include "engine/core/token_model.hpp"
#include "engine/engine.hpp"

namespace hearth::engine::core {

struct TokenEngineOptions {
  std::int32_t parallel = 4;       // sequences that run at once; <= model.sequences_max()
  std::int32_t queue = 512;        // requests that may wait; more are kOverloaded
  std::int32_t step_tokens = 512;  // token budget of one step: running sequences first, the rest is prefill
  // How long a step should take while answers stream: prompts are taken in by chunks that fit. 0: as long as it takes.
  std::chrono::milliseconds step_time{0};
  std::chrono::milliseconds step_limit{0};  // what it may take where smaller chunks would waste the machine
  std::int32_t context_tokens = 0;          // per conversation; 0 = what the model was loaded with
  PrefixCacheOptions prefix_cache;
  std::int32_t threads = 1;  // that draw tokens, the engine's own included
  std::size_t logits_per_thread =
      400'000;                 // of a step; where there are fewer, waking another one costs more than it gives
  bool context_shift = false;  // a full context loses its older half, unless a request says otherwise
};

// The one loop of every token engine: continuous batching under a token budget, prefix reuse, sampling, stop strings,
// events. REQUIRES: clock and log outlive it.
[[nodiscard]] std::unique_ptr<Engine> make_token_engine(std::unique_ptr<TokenModel> model, TokenEngineOptions options,
                                                        const base::Clock& clock, base::Log& log);

}  // namespace hearth::engine::core
