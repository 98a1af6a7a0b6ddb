#pragma once

#include <llama.h>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "engine/core/token_model.hpp"
#include "engine/llama/llama_vocab.hpp"

namespace hearth::engine::llama {

// How a model with a head takes two texts: by the template "rerank" of its file, or between the separators of its
// tokenizer: [CLS] a [SEP] b [SEP] (BERT), <s> a </s></s> b </s> (XLM-RoBERTa). Immutable; thread-safe.
class PairFormat {
 public:
  // kUnsupported: a template without {query} and {document}.
  [[nodiscard]] static Result<PairFormat> of(const llama_model* model);

  [[nodiscard]] bool has_template() const { return !template_.empty(); }
  // `types`: whether the model tells the tokens of the second text from those of the first.
  [[nodiscard]] core::PairPrompt tokens(const LlamaVocab& vocab, std::string_view first, std::string_view second,
                                        bool types) const;

 private:
  PairFormat() = default;

  std::string template_;
  domain::Tokens begin_;
  domain::Tokens between_;
  domain::Tokens end_;
};

}  // namespace hearth::engine::llama
