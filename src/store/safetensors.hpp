#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace hearth::store {

struct SafetensorsTensor {
  std::string name;
  std::string type;  // "BF16"
  std::vector<std::uint64_t> shape;
  std::uint64_t elements = 0;
  std::uint64_t offset = 0;  // from SafetensorsHeader::data_offset
  std::uint64_t bytes = 0;
};

// The header of one safetensors file. A plain value.
struct SafetensorsHeader {
  std::uint64_t data_offset = 0;
  std::uint64_t file_size = 0;
  std::vector<SafetensorsTensor> tensors;  // in the order of their offsets
};

// Reads a header and checks it against the length of the file; never trusts a count or an offset in it. The data must
// be covered by the tensors, without a hole or an overlap. kIo; kModelLoadFailed with the offset of the fault. Source:
// the safetensors format.
[[nodiscard]] Result<SafetensorsHeader> read_safetensors(const std::filesystem::path& path);
// The same from memory: `bytes` are the beginning of a file of `file_size` bytes; `name` is for messages.
[[nodiscard]] Result<SafetensorsHeader> parse_safetensors(std::string_view bytes, std::uint64_t file_size,
                                                          const std::string& name);

// All files of the model that `path` belongs to, in order: those that NAME.safetensors.index.json beside it lists, else
// those that "name-00001-of-00003.safetensors" speaks of, else the file alone. They need not be there.
// kModelLoadFailed: the index is broken.
[[nodiscard]] Result<std::vector<std::filesystem::path>> safetensors_parts(const std::filesystem::path& path);

// Headers of all parts, and that every tensor of the index is in the part that it names. kIo, kModelLoadFailed.
[[nodiscard]] Result<void> check_safetensors(const std::filesystem::path& path);

}  // namespace hearth::store
