#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace hearth::store {

// Reads little-endian values from the beginning of a file that may be longer than what is in memory.
// After the first problem every read gives zero or nothing, and the problem stays.
class GgufReader {
 public:
  GgufReader(std::string_view bytes, std::uint64_t file_size) : bytes_(bytes), file_size_(file_size) {}

  template <class T>
  [[nodiscard]] T number() {
    static_assert(std::endian::native == std::endian::little, "GGUF numbers are little-endian");
    T value{};
    if (available(sizeof(T))) {
      std::memcpy(&value, bytes_.data() + offset_, sizeof(T));
      offset_ += sizeof(T);
    }
    return value;
  }
  // A length of 8 bytes and that many bytes of text.
  [[nodiscard]] std::string_view text(std::uint64_t longest);
  void skip(std::uint64_t count);
  void fail(std::string reason);

  [[nodiscard]] bool failed() const { return needs_more_ || !problem_.empty(); }
  // The bytes in memory end here, the file goes on.
  [[nodiscard]] bool needs_more() const { return needs_more_; }
  [[nodiscard]] std::uint64_t offset() const { return offset_; }
  [[nodiscard]] std::uint64_t left() const { return file_size_ - offset_; }
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  bool available(std::uint64_t count);

  std::string_view bytes_;
  std::uint64_t file_size_;
  std::uint64_t offset_ = 0;
  std::string problem_;
  bool needs_more_ = false;
};

}  // namespace hearth::store
