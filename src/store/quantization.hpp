#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "store/gguf.hpp"

namespace hearth::store {

// A type that weights can be quantised to without further data. Source: llama.cpp's table of its quantiser.
struct Quantization {
  std::string_view name;  // "Q4_K_M"
  double bits;            // per weight, scales included, of a usual model
};
// By name, in any case; nothing if there is no such.
[[nodiscard]] std::optional<Quantization> find_quantization(std::string_view name);
// "Q8_0, Q6_K, ...", best first, for messages.
[[nodiscard]] std::string_view quantization_names();

// About how many bytes the file will have: matrices at `bits`, vectors at 32.
[[nodiscard]] std::uint64_t quantized_size(const GgufHeader& header, const Quantization& type);

}  // namespace hearth::store
