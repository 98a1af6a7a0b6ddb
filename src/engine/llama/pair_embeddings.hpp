#pragma once

#include <cstdint>
#include <fstream>
#include <llama.h>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "domain/request.hpp"

namespace hearth::engine::llama {

// BERT marks the tokens of a pair's second text by a type of their own, which cross-encoders were trained with.
// llama.cpp gives every token the first type, so the tokens' embeddings are made here: their rows of the weight file
// with the difference of the two types on them. Engine thread only.
class PairEmbeddings {
 public:
  // Nothing: the model has no second type. `why` says what kept one that has it from being used.
  [[nodiscard]] static std::optional<PairEmbeddings> open(const std::string& path, const llama_model* model,
                                                          std::string& why);
  // [n_embd], valid until the next call; empty if the file cannot be read any more. REQUIRES: a token of the
  // vocabulary.
  [[nodiscard]] std::span<const float> row(domain::Token token, bool second);

 private:
  PairEmbeddings() = default;
  bool read_row(std::uint64_t offset, int type, std::vector<float>& out);

  std::ifstream file_;
  std::uint64_t rows_at_ = 0;  // of the file
  std::uint64_t row_bytes_ = 0;
  int row_type_ = 0;  // ggml's
  std::vector<char> stored_;
  std::vector<float> row_;
  std::vector<float> second_type_;  // less the first one
};

// Whether the file has a tensor of that name.
[[nodiscard]] bool has_tensor(const std::string& path, const char* name);

}  // namespace hearth::engine::llama
