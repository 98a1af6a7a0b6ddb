#pragma once

#include <atomic>
#include <cstdint>
#include <llama.h>
#include <optional>
#include <span>
#include <vector>

#include "base/log.hpp"
#include "engine/core/token_model.hpp"
#include "engine/llama/llama_batch.hpp"
#include "engine/llama/llama_handles.hpp"

namespace hearth::engine::llama {

struct EmbedderOptions {
  std::int32_t context_tokens = 0;  // longest sequence
  std::int32_t sequences_max = 0;
  std::int32_t threads = 1;
  ggml_threadpool* threadpool = nullptr;
  const std::atomic<bool>* interrupted = nullptr;
  PoolingType pooling = LLAMA_POOLING_TYPE_MEAN;
  bool causal = true;
};

// A context for embeddings. Models that look both ways need a sequence in one piece, and llama.cpp pools it; models
// that look back are fed in chunks, so that a long text needs no more memory than a short one, and are pooled here: the
// sum is the same. Engine thread only. REQUIRES: model, pool and flag outlive it.
class Embedder {
 public:
  // Nothing if llama.cpp cannot make the context.
  [[nodiscard]] static std::optional<Embedder> create(llama_model* model, const EmbedderOptions& options);

  // REQUIRES: a valid batch of whole sequences, the tokens of each together and in order.
  [[nodiscard]] core::DecodeStatus embed(std::span<const core::BatchToken> batch);
  // Empty for a sequence that was not in the last embed().
  [[nodiscard]] std::span<const float> embedding(core::SequenceId sequence) const;
  [[nodiscard]] llama_context* context() const { return context_.get(); }

 private:
  Embedder(ContextHandle context, const EmbedderOptions& options, std::int32_t dimensions, std::int32_t batch_max);

  // `group`: whole sequences.
  core::DecodeStatus embed_whole(std::span<const core::BatchToken> group);
  core::DecodeStatus embed_in_chunks(std::span<const core::BatchToken> group);
  void add_token(core::SequenceId sequence, const float* values, bool first);
  void finish(std::span<const core::BatchToken> group);
  core::DecodeStatus run();

  ContextHandle context_;
  EmbedderOptions options_;
  std::int32_t dimensions_;
  std::int32_t batch_max_;
  LlamaBatch batch_;
  std::vector<std::vector<float>> results_;  // [sequence]
};

}  // namespace hearth::engine::llama
