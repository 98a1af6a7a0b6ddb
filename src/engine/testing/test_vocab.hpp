#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/core/vocab.hpp"

namespace hearth::engine::testing {

// One token per byte (id = byte), "<s>" (beginning), "</s>" (end), and a few pieces of several bytes, parts of
// characters among them.
class TestVocab final : public core::Vocab {
 public:
  static constexpr domain::Token kBos = 256;
  static constexpr domain::Token kEos = 257;
  static constexpr domain::Token kFirstPiece = 258;

  TestVocab();
  [[nodiscard]] std::int32_t size() const override;
  // Longest piece first.
  [[nodiscard]] domain::Tokens tokenize(std::string_view text, bool add_bos, bool special) const override;
  [[nodiscard]] std::string piece(domain::Token token, bool special) const override;
  [[nodiscard]] std::string detokenize(const domain::Tokens& tokens) const override;
  [[nodiscard]] std::size_t token_bytes_max() const override;
  [[nodiscard]] bool is_end(domain::Token token) const override { return token == kEos; }
  [[nodiscard]] domain::Token end_of_turn() const override { return kEos; }

 private:
  std::vector<std::string> pieces_;
};

}  // namespace hearth::engine::testing
