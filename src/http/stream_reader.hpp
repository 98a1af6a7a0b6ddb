#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace hearth::http {

// One frame of a stream: NDJSON has no event name.
struct Frame {
  std::string event;
  std::string data;
  friend bool operator==(const Frame&, const Frame&) = default;
};

[[nodiscard]] std::string sse_text(const Frame& frame);  // "event: x\ndata: …\n\n"; multi-line data is split
[[nodiscard]] std::string sse_comment(std::string_view text);
[[nodiscard]] std::string ndjson_text(const Frame& frame);  // data + "\n"

// Incremental readers: any chunking of the same bytes gives the same frames. kPayloadTooLarge for a frame over the
// limit. SSE as in the HTML standard, section 9.2.6: LF, CR and CRLF; comments skipped; several data lines joined by
// LF; BOM; a frame without data is dropped; what stands before EOF without a blank line is delivered by finish().
class SseReader {
 public:
  explicit SseReader(base::Bytes frame_max = {16ULL << 20});
  [[nodiscard]] Result<std::vector<Frame>> feed(std::string_view bytes);
  [[nodiscard]] std::optional<Frame> finish();

 private:
  void line(std::string_view text, std::vector<Frame>& out);
  base::Bytes frame_max_;
  std::string partial_;
  Frame frame_;
  bool has_data_ = false;
  bool after_cr_ = false;
  bool first_ = true;
};

class NdjsonReader {
 public:
  explicit NdjsonReader(base::Bytes line_max = {16ULL << 20});
  [[nodiscard]] Result<std::vector<Frame>> feed(std::string_view bytes);
  [[nodiscard]] std::optional<Frame> finish();

 private:
  base::Bytes line_max_;
  std::string partial_;
};

}  // namespace hearth::http
