// Any chunking of the same bytes gives the same frames, for SSE and NDJSON.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "http/stream_reader.hpp"

namespace {

using hearth::http::Frame;

template <class Reader>
std::vector<Frame> read_all(std::string_view text, std::size_t piece) {
  Reader reader;
  std::vector<Frame> out;
  for (std::size_t at = 0; at < text.size(); at += piece) {
    const auto frames = reader.feed(text.substr(at, piece));
    if (!frames) std::abort();  // far below the limit
    out.insert(out.end(), frames->begin(), frames->end());
  }
  if (auto last = reader.finish()) out.push_back(*std::move(last));
  return out;
}

template <class Reader>
void check(std::string_view text, std::size_t piece) {
  const auto whole = read_all<Reader>(text, text.size() + 1);
  if (whole != read_all<Reader>(text, piece) || whole != read_all<Reader>(text, 1)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t piece = 1 + data[0] % 16U;
  check<hearth::http::SseReader>(text, piece);
  check<hearth::http::NdjsonReader>(text, piece);
  // What was read can be written and read again.
  for (const Frame& frame : read_all<hearth::http::SseReader>(text, piece)) {
    const auto again = read_all<hearth::http::SseReader>(hearth::http::sse_text(frame), 3);
    if (again.size() != 1 || again[0] != frame) std::abort();
  }
  return 0;
}
