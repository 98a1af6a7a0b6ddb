// Headers of safetensors and graphs of OpenVINO IR. The first byte picks; what is read must hold its own promises.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "store/openvino_ir.hpp"
#include "store/safetensors.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hearth;
  if (size < 2) return 0;
  const std::string text(reinterpret_cast<const char*>(data + 2), size - 2);
  if (data[0] % 2 == 0) {
    // Files longer than what is in memory, too.
    const std::uint64_t file_size = text.size() + data[1] * 16ULL;
    const auto header = store::parse_safetensors(text, file_size, "fuzz");
    if (!header) return 0;
    std::uint64_t end = header->data_offset;
    for (const auto& tensor : header->tensors) {
      if (header->data_offset + tensor.offset != end) std::abort();
      end += tensor.bytes;
    }
    if (end != file_size) std::abort();
  } else {
    const std::uint64_t weights = data[1] * 64ULL;
    const auto ir = store::parse_openvino_ir(text, weights, "fuzz.xml");
    if (ir && ir->weights_end > weights) std::abort();
  }
  return 0;
}
