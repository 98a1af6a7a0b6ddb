#include "engine/testing/test_vocab.hpp"

#include <algorithm>
#include <ranges>

namespace hearth::engine::testing {

TestVocab::TestVocab() {
  for (int byte = 0; byte < 256; ++byte) pieces_.emplace_back(1, static_cast<char>(byte));
  for (const char* piece :
       {"<s>", "</s>", "hello", " world", "the ", "ing", "\n\n", "é", "€", "\xF0\x9F", "\x98\x80", "ä\xE2\x82"}) {
    pieces_.emplace_back(piece);
  }
}

std::int32_t TestVocab::size() const { return static_cast<std::int32_t>(pieces_.size()); }

std::size_t TestVocab::token_bytes_max() const {
  return std::ranges::max(pieces_ | std::views::transform(&std::string::size));
}

domain::Tokens TestVocab::tokenize(std::string_view text, bool add_bos, bool special) const {
  domain::Tokens out;
  if (add_bos) out.push_back(kBos);
  while (!text.empty()) {
    auto token = static_cast<domain::Token>(static_cast<unsigned char>(text.front()));
    std::size_t length = 1;
    for (domain::Token t = special ? kBos : kFirstPiece; t < size(); ++t) {
      const auto& piece = pieces_[static_cast<std::size_t>(t)];
      if (piece.size() <= length || !text.starts_with(piece)) continue;
      token = t;
      length = piece.size();
    }
    out.push_back(token);
    text.remove_prefix(length);
  }
  return out;
}

std::string TestVocab::piece(domain::Token token, bool special) const {
  if (token < 0 || token >= size()) return {};
  if (!special && (token == kBos || token == kEos)) return {};
  return pieces_[static_cast<std::size_t>(token)];
}

std::string TestVocab::detokenize(const domain::Tokens& tokens) const {
  std::string out;
  for (const domain::Token token : tokens) out += piece(token, false);
  return out;
}

}  // namespace hearth::engine::testing
