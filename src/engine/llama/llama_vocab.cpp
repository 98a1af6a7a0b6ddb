#include "engine/llama/llama_vocab.hpp"

#include <algorithm>
#include <limits>
#include <string_view>
#include <vector>

namespace hearth::engine::llama {
namespace {

// Calls `fill(data, capacity)`, which gives the count written or minus the count needed.
template <class Container, class Fill>
Container filled(std::size_t guess, const Fill& fill) {
  Container out(guess, {});
  std::int32_t n = fill(out.data(), static_cast<std::int32_t>(out.size()));
  if (n < 0 && n != std::numeric_limits<std::int32_t>::min()) {
    out.resize(static_cast<std::size_t>(-n));
    n = fill(out.data(), static_cast<std::int32_t>(out.size()));
  }
  out.resize(static_cast<std::size_t>(n > 0 ? n : 0));
  return out;
}

// llama.cpp takes texts apart by regular expressions, which for some vocabularies are the standard library's: those
// need a stack as deep as a match is long. Words, numbers and blanks longer than this are tokenised in parts.
constexpr std::size_t kRunMax = 1024;

enum class CharacterKind { kLetter, kDigit, kBlank, kLineEnd, kOther };
CharacterKind kind_of(char c) {
  if (c >= '0' && c <= '9') return CharacterKind::kDigit;
  if (c == ' ' || c == '\t') return CharacterKind::kBlank;
  if (c == '\n' || c == '\r') return CharacterKind::kLineEnd;
  const char small = static_cast<char>(c | 0x20);
  return (small >= 'a' && small <= 'z') || static_cast<unsigned char>(c) >= 0x80 ? CharacterKind::kLetter
                                                                                 : CharacterKind::kOther;
}

// The text in parts without longer runs of one kind; characters stay whole.
std::vector<std::string_view> parts_of(std::string_view text) {
  std::vector<std::string_view> out;
  std::size_t begin = 0;
  std::size_t run = 0;
  for (std::size_t i = 1; i < text.size(); ++i) {
    run = kind_of(text[i]) == kind_of(text[i - 1]) ? run + 1 : 0;
    const bool within_character = (static_cast<unsigned char>(text[i]) & 0xC0U) == 0x80U;
    if (run < kRunMax || within_character) continue;
    out.push_back(text.substr(begin, i - begin));
    begin = i;
    run = 0;
  }
  out.push_back(text.substr(begin));
  return out;
}

// Only these two keep every byte of a text.
bool is_lossless(enum llama_vocab_type type) { return type == LLAMA_VOCAB_TYPE_SPM || type == LLAMA_VOCAB_TYPE_BPE; }

}  // namespace

LlamaVocab::LlamaVocab(const llama_vocab* vocab) : vocab_(vocab) {
  if (!is_lossless(llama_vocab_type(vocab))) return;
  for (domain::Token token = 0; token < size(); ++token)
    token_bytes_max_ = std::max(token_bytes_max_, std::string_view(llama_vocab_get_text(vocab, token)).size());
}

domain::Tokens LlamaVocab::tokenize(std::string_view text, bool add_bos, bool special) const {
  // llama.cpp counts in 32 bits; longer texts are over every limit anyway, and an empty result is refused by the
  // caller.
  if (text.size() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max() / 2)) return {};
  if (llama_vocab_type(vocab_) == LLAMA_VOCAB_TYPE_BPE) {
    if (const auto parts = parts_of(text); parts.size() > 1) return tokenize_parts(parts, add_bos, special);
  }
  auto tokens = tokenize_part(text, add_bos, special);
  const llama_token bos = llama_vocab_bos(vocab_);
  if (add_bos && llama_vocab_get_add_bos(vocab_) && tokens.size() > 1 && tokens[0] == bos && tokens[1] == bos)
    tokens.erase(tokens.begin());
  return tokens;
}

domain::Tokens LlamaVocab::tokenize_part(std::string_view text, bool add_bos, bool special) const {
  return filled<domain::Tokens>(text.size() / 2 + 16, [&](llama_token* data, std::int32_t capacity) {
    return llama_tokenize(vocab_, text.data(), static_cast<std::int32_t>(text.size()), data, capacity, add_bos,
                          special);
  });
}

domain::Tokens LlamaVocab::tokenize_parts(std::span<const std::string_view> parts, bool add_bos, bool special) const {
  domain::Tokens out;
  for (const auto part : parts) {
    const auto tokens = tokenize_part(part, false, special);
    out.insert(out.end(), tokens.begin(), tokens.end());
  }
  const llama_token bos = llama_vocab_bos(vocab_);
  if (add_bos && llama_vocab_get_add_bos(vocab_) && (out.empty() || out.front() != bos)) out.insert(out.begin(), bos);
  if (add_bos && llama_vocab_get_add_eos(vocab_)) out.push_back(llama_vocab_eos(vocab_));
  return out;
}

std::string LlamaVocab::piece(domain::Token token, bool special) const {
  if (!has(token)) return {};
  return filled<std::string>(32, [&](char* data, std::int32_t capacity) {
    return llama_token_to_piece(vocab_, token, data, capacity, 0, special);
  });
}

std::string LlamaVocab::detokenize(const domain::Tokens& tokens) const {
  domain::Tokens known;
  known.reserve(tokens.size());
  for (const domain::Token token : tokens) {
    if (has(token)) known.push_back(token);
  }
  // These tokens are bytes and nothing else; llama_detokenize would take the blanks before marks out of old models'
  // texts.
  if (llama_vocab_type(vocab_) == LLAMA_VOCAB_TYPE_BPE) {
    std::string text;
    for (const domain::Token token : known) text += piece(token, true);
    return text;
  }
  // The blank that the tokenizer adds stands after BOS, where llama.cpp would not look for it.
  std::string head;
  if (!known.empty() && known.front() == llama_vocab_bos(vocab_) && llama_vocab_get_add_bos(vocab_)) {
    head = piece(known.front(), true);
    known.erase(known.begin());
  }
  return head + filled<std::string>(known.size() * 8, [&](char* data, std::int32_t capacity) {
           return llama_detokenize(vocab_, known.data(), static_cast<std::int32_t>(known.size()), data, capacity, false,
                                   true);
         });
}

bool LlamaVocab::is_end(domain::Token token) const { return has(token) && llama_vocab_is_eog(vocab_, token); }

domain::Token LlamaVocab::end_of_turn() const {
  const llama_token turn = llama_vocab_eot(vocab_);
  return turn == LLAMA_TOKEN_NULL ? llama_vocab_eos(vocab_) : turn;
}

core::InfillTokens LlamaVocab::infill() const {
  static_assert(LLAMA_TOKEN_NULL == core::InfillTokens{}.prefix);
  return {.prefix = llama_vocab_fim_pre(vocab_),
          .suffix = llama_vocab_fim_suf(vocab_),
          .middle = llama_vocab_fim_mid(vocab_),
          .repository = llama_vocab_fim_rep(vocab_),
          .file = llama_vocab_fim_sep(vocab_)};
}

std::string LlamaVocab::text_of(domain::Token token) const {
  return token == LLAMA_TOKEN_NULL ? std::string() : piece(token, true);
}

}  // namespace hearth::engine::llama
