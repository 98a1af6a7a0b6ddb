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
#include "engine/llama/pair_embeddings.hpp"

namespace hearth::engine::llama {

struct EmbedderOptions {
  std::int32_t context_tokens = 0;  // longest sequence
  std::int32_t sequences_max = 0;
  std::int32_t threads = 1;
  ggml_threadpool* threadpool = nullptr;
  const std::atomic<bool>* interrupted = nullptr;
  domain::Pooling pooling = domain::Pooling::kMean;  // the model's own
  bool causal = true;
  std::int32_t head_outputs = 0;  // of a model that ranks or classifies; 0 = it has no head
};

// A context for embeddings, or for a classifier's head. Models that look both ways need a sequence in one piece; models
// that look back are fed in chunks, so that a long text needs no more memory than a short one. llama.cpp gives the
// vectors of all tokens, which are pooled here as each request wants it; to a head it pools them itself. Engine thread
// only. REQUIRES: model, pool and flag outlive it.
class Embedder {
 public:
  // Nothing if llama.cpp cannot make the context.
  [[nodiscard]] static std::optional<Embedder> create(llama_model* model, const EmbedderOptions& options);

  // For the second texts of pairs, in place of llama.cpp's own.
  void set_pair_embeddings(PairEmbeddings embeddings) { pair_embeddings_ = std::move(embeddings); }

  // REQUIRES: a valid batch of whole sequences, the tokens of each together and in order.
  [[nodiscard]] core::DecodeStatus embed(std::span<const core::BatchToken> batch,
                                         std::optional<domain::Pooling> pooling);
  // Empty for a sequence that was not in the last embed().
  [[nodiscard]] std::span<const float> embedding(core::SequenceId sequence) const;
  [[nodiscard]] llama_context* context() const { return context_.get(); }

 private:
  Embedder(ContextHandle context, const EmbedderOptions& options, std::int32_t dimensions, std::int32_t batch_max);

  // `group`: whole sequences.
  core::DecodeStatus embed_whole(std::span<const core::BatchToken> group);
  core::DecodeStatus embed_in_chunks(std::span<const core::BatchToken> group);
  // Evaluates `part` and takes in what comes of it. `ends`: its last token is the last of its sequence.
  core::DecodeStatus take(std::span<const core::BatchToken> part, bool ends);
  bool fill_batch(std::span<const core::BatchToken> part);
  void add_token(core::SequenceId sequence, const float* values, bool first);
  void finish(std::span<const core::BatchToken> group);
  core::DecodeStatus run();

  ContextHandle context_;
  EmbedderOptions options_;
  std::int32_t dimensions_;
  std::int32_t batch_max_;
  std::optional<PairEmbeddings> pair_embeddings_;
  domain::Pooling pooling_ = domain::Pooling::kMean;  // of the embed() that runs
  LlamaBatch batch_;
  std::vector<std::vector<float>> results_;  // [sequence]
};

}  // namespace hearth::engine::llama
