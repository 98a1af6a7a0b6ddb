// A GGUF header from anywhere: parsing never crashes, and what was parsed can be measured and listed.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "store/gguf.hpp"
#include "store/memory_estimate.hpp"
#include "store/model_card.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  // The first byte says how much longer the file claims to be than what is in memory.
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::uint64_t file_size = bytes.size() + (std::uint64_t{data[0]} << (data[0] % 32));
  const auto header = hearth::store::parse_gguf(bytes, file_size, "fuzz");
  if (!header) return 0;
  static_cast<void>(hearth::store::estimate_memory(*header, {}));
  static_cast<void>(hearth::store::tasks_of(*header));
  static_cast<void>(hearth::store::quantization_of(*header));
  for (const auto& [key, value] : header->metadata) static_cast<void>(hearth::store::to_json(value));
  return 0;
}
