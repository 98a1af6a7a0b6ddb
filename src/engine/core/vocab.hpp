#pragma once

#include <string>
#include <string_view>

#include "domain/request.hpp"

namespace hearth::engine::core {

// What a vocabulary has to fill in the middle of a text; -1 = no such token.
struct InfillTokens {
  domain::Token prefix = -1;      // begins what stands before
  domain::Token suffix = -1;      // begins what stands after
  domain::Token middle = -1;      // begins what the model writes
  domain::Token repository = -1;  // begins the name of a repository
  domain::Token file = -1;        // begins the name of a file
  [[nodiscard]] bool usable() const { return prefix >= 0 && suffix >= 0 && middle >= 0; }
};

// Tokens and their bytes. Immutable after load; thread-safe.
class Vocab {
 public:
  virtual ~Vocab() = default;
  [[nodiscard]] virtual std::int32_t size() const = 0;
  // `special`: texts of control tokens in `text` become these tokens. `add_bos`: as the model asks.
  [[nodiscard]] virtual domain::Tokens tokenize(std::string_view text, bool add_bos, bool special) const = 0;
  // Raw bytes of one token; may be part of a character. Control tokens give nothing unless `special`.
  [[nodiscard]] virtual std::string piece(domain::Token token, bool special) const = 0;
  // Text of a token sequence (a leading blank that the tokeniser added is removed).
  [[nodiscard]] virtual std::string detokenize(const domain::Tokens& tokens) const = 0;
  [[nodiscard]] virtual bool is_end(domain::Token token) const = 0;  // any end-of-generation token
  [[nodiscard]] virtual InfillTokens infill() const { return {}; }
  // What every prompt begins with: the beginning-of-text token, or nothing.
  [[nodiscard]] domain::Tokens begin() const {
    auto tokens = tokenize("", true, true);
    tokens.resize(tokens.empty() ? 0 : 1);  // some put an end after it
    return tokens;
  }
  // What an answer ends with where nothing else is left to say; -1 = the vocabulary has no such token.
  [[nodiscard]] virtual domain::Token end_of_turn() const { return -1; }
  // How many bytes of text one token can stand for at most, so that a text that is far too long need not be tokenised
  // to know it. 0: no bound (tokenisers that drop or merge text).
  [[nodiscard]] virtual std::size_t token_bytes_max() const { return 0; }
};

}  // namespace hearth::engine::core
