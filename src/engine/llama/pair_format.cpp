#include "engine/llama/pair_format.hpp"

#include <array>

namespace hearth::engine::llama {
namespace {

constexpr std::string_view kQuery = "{query}";
constexpr std::string_view kDocument = "{document}";

// In one pass: what stands in the texts is not replaced again.
std::string filled(std::string_view text, std::string_view query, std::string_view document) {
  std::string out;
  while (!text.empty()) {
    if (text.starts_with(kQuery)) {
      out += query;
      text.remove_prefix(kQuery.size());
    } else if (text.starts_with(kDocument)) {
      out += document;
      text.remove_prefix(kDocument.size());
    } else {
      out += text.front();
      text.remove_prefix(1);
    }
  }
  return out;
}

// Old files of XLM-RoBERTa do not say that a pair has two separators, which it always has.
bool has_second_separator(const llama_model* model, const llama_vocab* vocab) {
  std::array<char, 8> said{};
  if (llama_vocab_type(vocab) == LLAMA_VOCAB_TYPE_WPM) return false;
  if (llama_model_meta_val_str(model, "tokenizer.ggml.add_sep_token", said.data(), said.size()) >= 0)
    return llama_vocab_get_add_sep(vocab);
  return llama_vocab_type(vocab) == LLAMA_VOCAB_TYPE_UGM || llama_vocab_get_add_sep(vocab);
}

}  // namespace

Result<PairFormat> PairFormat::of(const llama_model* model) {
  PairFormat out;
  if (const char* const text = llama_model_chat_template(model, "rerank"); text != nullptr) {
    out.template_ = text;
    if (!out.template_.contains(kQuery) || !out.template_.contains(kDocument))
      return fail(ErrorCode::kUnsupported, "its rerank template has no {query} and {document}");
    return out;
  }
  const llama_vocab* const vocab = llama_model_get_vocab(model);
  const llama_token separator = llama_vocab_sep(vocab);
  const llama_token eos = llama_vocab_eos(vocab) == LLAMA_TOKEN_NULL ? separator : llama_vocab_eos(vocab);
  const bool bert = llama_vocab_type(vocab) == LLAMA_VOCAB_TYPE_WPM;
  const auto add = [](domain::Tokens& to, bool wanted, llama_token token) {
    if (wanted && token != LLAMA_TOKEN_NULL) to.push_back(token);
  };
  add(out.begin_, bert || llama_vocab_get_add_bos(vocab), llama_vocab_bos(vocab));
  add(out.between_, bert || llama_vocab_get_add_eos(vocab), bert ? separator : eos);
  add(out.between_, has_second_separator(model, vocab), separator == LLAMA_TOKEN_NULL ? eos : separator);
  add(out.end_, bert || llama_vocab_get_add_eos(vocab), bert ? separator : eos);
  return out;
}

core::PairPrompt PairFormat::tokens(const LlamaVocab& vocab, std::string_view first, std::string_view second,
                                    bool types) const {
  core::PairPrompt out;
  if (!template_.empty()) {
    out.tokens = vocab.tokenize(filled(template_, first, second), false, true);
    return out;
  }
  const auto append = [&](const domain::Tokens& more) {
    out.tokens.insert(out.tokens.end(), more.begin(), more.end());
  };
  append(begin_);
  append(vocab.tokenize(first, false, false));
  append(between_);
  if (types) out.second = static_cast<std::int32_t>(out.tokens.size());
  append(vocab.tokenize(second, false, false));
  append(end_);
  return out;
}

}  // namespace hearth::engine::llama
