#include "engine/llama/llama_batch.hpp"

namespace hearth::engine::llama {

void LlamaBatch::clear() {
  tokens_.clear();
  embeddings_.clear();
  positions_.clear();
  sequences_.clear();
  counts_.clear();
  outputs_.clear();
}

void LlamaBatch::add(const core::BatchToken& token, bool output) {
  tokens_.push_back(token.token);
  positions_.push_back(token.position);
  sequences_.push_back(token.sequence);
  counts_.push_back(1);
  outputs_.push_back(output ? 1 : 0);
}

void LlamaBatch::add(const core::BatchToken& token, bool output, std::span<const float> embedding) {
  add(token, output);
  embeddings_.insert(embeddings_.end(), embedding.begin(), embedding.end());
}

llama_batch LlamaBatch::view() {
  sequence_of_.clear();
  for (llama_seq_id& sequence : sequences_) sequence_of_.push_back(&sequence);
  return {.n_tokens = size(),
          .token = embeddings_.empty() ? tokens_.data() : nullptr,
          .embd = embeddings_.empty() ? nullptr : embeddings_.data(),
          .pos = positions_.data(),
          .n_seq_id = counts_.data(),
          .seq_id = sequence_of_.data(),
          .logits = outputs_.data()};
}

}  // namespace hearth::engine::llama
