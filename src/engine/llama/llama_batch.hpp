#pragma once

#include <cstdint>
#include <llama.h>
#include <span>
#include <vector>

#include "engine/core/token_model.hpp"

namespace hearth::engine::llama {

// The arrays of a llama_batch, reused from step to step so that a step allocates nothing.
class LlamaBatch {
 public:
  void clear();
  // Rows of embeddings in place of token ids: all of a batch or none.
  void add(const core::BatchToken& token, bool output, std::span<const float> embedding);
  void add(const core::BatchToken& token, bool output);
  [[nodiscard]] std::int32_t size() const { return static_cast<std::int32_t>(tokens_.size()); }
  // Valid until the next change.
  [[nodiscard]] llama_batch view();

 private:
  std::vector<llama_token> tokens_;
  std::vector<float> embeddings_;
  std::vector<llama_pos> positions_;
  std::vector<llama_seq_id> sequences_;
  std::vector<std::int32_t> counts_;        // sequences per token: always 1
  std::vector<llama_seq_id*> sequence_of_;  // pointers into sequences_
  std::vector<std::int8_t> outputs_;
};

}  // namespace hearth::engine::llama
