#include "http/stream_reader.hpp"

#include <fmt/format.h>
#include <utility>

namespace hearth::http {

namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// Calls `take` with each line of `text`; LF, CR and CRLF end a line, and a last line needs no end.
template <class F>
void each_line(std::string_view text, F&& take) {
  while (true) {
    const std::size_t end = text.find_first_of("\r\n");
    take(text.substr(0, end));
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + (text.substr(end).starts_with("\r\n") ? 2 : 1));
  }
}

std::unexpected<Error> too_long(base::Bytes limit) {
  return fail(ErrorCode::kPayloadTooLarge, fmt::format("a frame of the stream is longer than {} bytes", limit.count));
}

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t") == std::string_view::npos; }

}  // namespace

std::string sse_text(const Frame& frame) {
  std::string out;
  out.reserve(frame.event.size() + frame.data.size() + 24);
  if (!frame.event.empty()) {
    out += "event: ";
    out += std::string_view(frame.event).substr(0, frame.event.find_first_of("\r\n"));
    out += '\n';
  }
  each_line(frame.data, [&](std::string_view line) {
    out += "data: ";
    out += line;
    out += '\n';
  });
  out += '\n';
  return out;
}

std::string sse_comment(std::string_view text) {
  std::string out;
  each_line(text, [&](std::string_view line) {
    out += ": ";
    out += line;
    out += '\n';
  });
  out += '\n';
  return out;
}

std::string ndjson_text(const Frame& frame) { return frame.data + "\n"; }

SseReader::SseReader(base::Bytes frame_max) : frame_max_(frame_max) {}

Result<std::vector<Frame>> SseReader::feed(std::string_view bytes) {
  std::vector<Frame> out;
  while (!bytes.empty()) {
    if (std::exchange(after_cr_, false) && bytes.front() == '\n') {
      bytes.remove_prefix(1);
      continue;
    }
    const std::size_t end = bytes.find_first_of("\r\n");
    const std::string_view piece = bytes.substr(0, end);
    if (partial_.size() + piece.size() + frame_.data.size() > frame_max_.count) return too_long(frame_max_);
    partial_ += piece;
    if (end == std::string_view::npos) break;
    after_cr_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    line(partial_, out);
    partial_.clear();
  }
  return out;
}

std::optional<Frame> SseReader::finish() {
  std::vector<Frame> out;
  if (!partial_.empty()) line(std::exchange(partial_, {}), out);
  line({}, out);
  if (out.empty()) return std::nullopt;
  return std::move(out.front());
}

void SseReader::line(std::string_view text, std::vector<Frame>& out) {
  if (std::exchange(first_, false) && text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (text.empty()) {
    if (has_data_) out.push_back(std::move(frame_));
    frame_ = {};
    has_data_ = false;
    return;
  }
  const std::size_t colon = text.find(':');
  const std::string_view field = text.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "data") {
    if (std::exchange(has_data_, true)) frame_.data += '\n';
    frame_.data += value;
  } else if (field == "event") {
    frame_.event = value;
  }
}

NdjsonReader::NdjsonReader(base::Bytes line_max) : line_max_(line_max) {}

Result<std::vector<Frame>> NdjsonReader::feed(std::string_view bytes) {
  std::vector<Frame> out;
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::string_view piece = bytes.substr(0, end);
    if (partial_.size() + piece.size() > line_max_.count) return too_long(line_max_);
    partial_ += piece;
    if (end == std::string_view::npos) break;
    bytes.remove_prefix(end + 1);
    if (partial_.ends_with('\r')) partial_.pop_back();
    if (!is_blank(partial_)) out.push_back({.event = {}, .data = std::move(partial_)});
    partial_.clear();
  }
  return out;
}

std::optional<Frame> NdjsonReader::finish() {
  std::string rest = std::exchange(partial_, {});
  if (rest.ends_with('\r')) rest.pop_back();
  if (is_blank(rest)) return std::nullopt;
  return Frame{.event = {}, .data = std::move(rest)};
}

}  // namespace hearth::http
