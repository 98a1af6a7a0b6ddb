#include "store/infill_marks.hpp"

#include <algorithm>
#include <array>

namespace hearth::store {
namespace {

struct Names {
  std::string_view prefix;
  std::string_view suffix;
  std::string_view middle;
};
constexpr std::array<Names, 9> kFamilies{{
    {"<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"},
    {"<fim-prefix>", "<fim-suffix>", "<fim-middle>"},
    {"<fim_prefix>", "<fim_suffix>", "<fim_middle>"},
    {"<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"},
    {"<PRE>", "<SUF>", "<MID>"},
    {"▁<PRE>", "▁<SUF>", "▁<MID>"},
    {"<|code_prefix|>", "<|code_suffix|>", "<|code_middle|>"},
    {"<|prefix|>", "<|suffix|>", "<|middle|>"},
    {"<|plamo:fim_prefix|>", "<|plamo:fim_suffix|>", "<|plamo:fim_middle|>"},
}};

}  // namespace

std::uint8_t infill_mark(std::string_view token) {
  constexpr std::size_t kShortest = 5;
  if (token.size() < kShortest || token.back() != '>') return 0;  // nearly all of a vocabulary
  for (const Names& names : kFamilies) {
    if (token == names.prefix) return kPrefixMark;
    if (token == names.suffix) return kSuffixMark;
    if (token == names.middle) return kMiddleMark;
  }
  return 0;
}

}  // namespace hearth::store
