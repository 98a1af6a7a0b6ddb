#include "store/quantization.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "base/strings.hpp"

namespace hearth::store {
namespace {

constexpr std::array kTypes{
    Quantization{"F16", 16},      Quantization{"BF16", 16},     Quantization{"Q8_0", 8.5},
    Quantization{"Q6_K", 6.5625}, Quantization{"Q5_K_M", 5.69}, Quantization{"Q5_K_S", 5.54},
    Quantization{"Q5_1", 6.0},    Quantization{"Q5_0", 5.5},    Quantization{"Q4_K_M", 4.85},
    Quantization{"Q4_K_S", 4.58}, Quantization{"Q4_1", 5.0},    Quantization{"Q4_0", 4.55},
    Quantization{"IQ4_NL", 4.5},  Quantization{"IQ4_XS", 4.25}, Quantization{"Q3_K_L", 4.27},
    Quantization{"Q3_K_M", 3.91}, Quantization{"Q3_K_S", 3.5},  Quantization{"Q2_K", 3.35},
};

}  // namespace

std::optional<Quantization> find_quantization(std::string_view name) {
  const auto* const found =
      std::ranges::find_if(kTypes, [&](const Quantization& q) { return base::equals_ignore_case(q.name, name); });
  return found == kTypes.end() ? std::nullopt : std::optional(*found);
}

std::string_view quantization_names() {
  static const std::string kNames = [] {
    std::string out;
    for (const auto& type : kTypes) out.append(out.empty() ? "" : ", ").append(type.name);
    return out;
  }();
  return kNames;
}

std::uint64_t quantized_size(const GgufHeader& header, const Quantization& type) {
  double bytes = static_cast<double>(header.data_offset);
  for (const auto& tensor : header.tensors)
    bytes += static_cast<double>(tensor.elements) * (tensor.shape.size() >= 2 ? type.bits / 8 : 4);
  return static_cast<std::uint64_t>(bytes);
}

}  // namespace hearth::store
