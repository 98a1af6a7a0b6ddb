#pragma once

#include <llama.h>
#include <span>
#include <string>

#include "engine/core/vocab.hpp"

namespace hearth::engine::llama {

// A llama.cpp vocabulary. REQUIRES: the model outlives it.
// Control tokens' texts and end tokens are the model's; a prompt that already begins with the text of the BOS token
// does not get a second one (chat templates write it themselves).
class LlamaVocab final : public core::Vocab {
 public:
  explicit LlamaVocab(const llama_vocab* vocab);

  [[nodiscard]] std::int32_t size() const override { return llama_vocab_n_tokens(vocab_); }
  [[nodiscard]] domain::Tokens tokenize(std::string_view text, bool add_bos, bool special) const override;
  [[nodiscard]] std::string piece(domain::Token token, bool special) const override;
  [[nodiscard]] std::string detokenize(const domain::Tokens& tokens) const override;
  [[nodiscard]] bool is_end(domain::Token token) const override;
  [[nodiscard]] domain::Token end_of_turn() const override;

  [[nodiscard]] core::InfillTokens infill() const override;

  [[nodiscard]] std::size_t token_bytes_max() const override { return token_bytes_max_; }

  [[nodiscard]] bool has(domain::Token token) const { return token >= 0 && token < size(); }
  // Text of a token that may be absent (LLAMA_TOKEN_NULL): empty then.
  [[nodiscard]] std::string text_of(domain::Token token) const;

 private:
  [[nodiscard]] domain::Tokens tokenize_part(std::string_view text, bool add_bos, bool special) const;
  [[nodiscard]] domain::Tokens tokenize_parts(std::span<const std::string_view> parts, bool add_bos,
                                              bool special) const;

  const llama_vocab* vocab_;
  std::size_t token_bytes_max_ = 0;
};

}  // namespace hearth::engine::llama
