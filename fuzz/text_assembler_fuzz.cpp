// Any bytes, cut anywhere, with any stop strings: whole characters only, and the same text as in one piece.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/strings.hpp"
#include "engine/core/answer/text_assembler.hpp"

namespace {

using hearth::engine::core::TextAssembler;

struct Assembled {
  std::string text;
  std::string stop;
  friend bool operator==(const Assembled&, const Assembled&) = default;
};

Assembled assemble(const std::vector<std::string>& stops, const std::vector<std::string_view>& pieces) {
  TextAssembler assembler(stops);
  Assembled out;
  for (const auto bytes : pieces) {
    auto piece = assembler.feed(bytes);
    if (!hearth::base::is_valid_utf8(piece.text)) std::abort();
    out.text += piece.text;
    if (piece.stop_sequence.empty()) continue;
    out.stop = std::move(piece.stop_sequence);
    return out;
  }
  out.text += assembler.finish();
  if (!hearth::base::is_valid_utf8(out.text)) std::abort();
  return out;
}

}  // namespace

// The input: stop strings, each ended by a zero byte, the last by two; then the text, in which a zero byte is a cut.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string input(data, data + size);
  std::vector<std::string> stops;
  const std::size_t end = input.find(std::string(2, '\0'));
  if (end != std::string::npos) {
    for (const auto stop : hearth::base::split(std::string_view(input).substr(0, end), '\0')) {
      if (hearth::base::is_valid_utf8(stop)) stops.emplace_back(stop);
    }
    input.erase(0, end + 2);
  }
  const auto pieces = hearth::base::split(input, '\0');
  std::string whole;
  for (const auto piece : pieces) whole += piece;
  const Assembled cut = assemble(stops, pieces);
  if (cut != assemble(stops, {whole})) std::abort();
  if (cut.stop.empty() && cut.text != hearth::base::to_valid_utf8(whole)) std::abort();
  return 0;
}
