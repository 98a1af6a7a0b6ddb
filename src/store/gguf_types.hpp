#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace hearth::store {

// A tensor type of ggml: `block_elements` values are stored in `block_bytes`.
struct GgmlType {
  std::uint32_t id = 0;
  std::string_view name;  // "Q4_K"
  std::uint32_t block_elements = 1;
  std::uint32_t block_bytes = 0;
};

// nullptr for a type that this version does not know.
[[nodiscard]] const GgmlType* ggml_type(std::uint32_t id);

// "Q4_K_M" for the value of general.file_type; empty if unknown.
[[nodiscard]] std::string_view file_type_name(std::uint64_t file_type);

}  // namespace hearth::store
