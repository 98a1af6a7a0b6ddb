#include "store/gguf_reader.hpp"

#include <fmt/format.h>
#include <utility>

namespace hearth::store {

bool GgufReader::available(std::uint64_t count) {
  if (failed()) return false;
  if (count > left()) {
    fail("the file ends here");
    return false;
  }
  if (count > bytes_.size() - offset_) needs_more_ = true;
  return !needs_more_;
}

std::string_view GgufReader::text(std::uint64_t longest) {
  const auto length = number<std::uint64_t>();
  if (failed()) return {};
  if (length > longest) {
    fail(fmt::format("a text of {} bytes, more than {}", length, longest));
    return {};
  }
  if (!available(length)) return {};
  const auto text = bytes_.substr(offset_, length);
  offset_ += length;
  return text;
}

void GgufReader::skip(std::uint64_t count) {
  if (available(count)) offset_ += count;
}

void GgufReader::fail(std::string reason) {
  if (!failed()) problem_ = std::move(reason);
}

}  // namespace hearth::store
