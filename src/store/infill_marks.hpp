#pragma once

#include <cstdint>
#include <string_view>

namespace hearth::store {

// What a model needs to fill in the middle: tokens that begin the text before, the text after and the middle.
enum InfillMark : std::uint8_t { kPrefixMark = 1, kSuffixMark = 2, kMiddleMark = 4, kAllInfillMarks = 7 };

// Which of them a token is, by its text, as llama.cpp recognises the vocabularies of code models; 0 for any other.
[[nodiscard]] std::uint8_t infill_mark(std::string_view token);

}  // namespace hearth::store
