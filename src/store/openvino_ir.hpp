#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.hpp"

namespace hearth::store {

// What the graph of an OpenVINO IR (x.xml beside x.bin) says. A plain value.
struct OpenvinoIr {
  std::string name;
  std::string weight_format;  // "int4_asym" where the weights were compressed, else the type most of them have: "f16"
  std::uint64_t weights_end = 0;  // bytes of x.bin that are used
  std::uint64_t layers = 0;
};

// The weights of `xml`.
[[nodiscard]] std::filesystem::path weights_of_ir(const std::filesystem::path& xml);

// Reads the graph and checks that every constant lies within the weights. kIo; kModelLoadFailed with the file and the
// offset of the fault. Source: OpenVINO's IR, versions 10 and 11.
[[nodiscard]] Result<OpenvinoIr> read_openvino_ir(const std::filesystem::path& xml);
// The same from memory, with weights of `weights_bytes`.
[[nodiscard]] Result<OpenvinoIr> parse_openvino_ir(std::string text, std::uint64_t weights_bytes,
                                                   const std::filesystem::path& xml);

}  // namespace hearth::store
