#pragma once

#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::json {

// Writes compact JSON straight into a string, in the order of the calls. Strings that are not UTF-8 get U+FFFD, so that
// the output is always valid. REQUIRES: calls that make a well-formed document (asserted in debug builds).
class Writer {
 public:
  Writer& begin_object() { return open('{'); }
  Writer& end_object() { return close('}'); }
  Writer& begin_array() { return open('['); }
  Writer& end_array() { return close(']'); }
  Writer& key(std::string_view name);

  Writer& value(std::string_view text);
  Writer& value(const char* text) { return value(std::string_view(text)); }
  Writer& value(const std::string& text) { return value(std::string_view(text)); }
  Writer& value(bool b);
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  Writer& value(T number) {
    if constexpr (std::signed_integral<T>)
      return signed_value(static_cast<std::int64_t>(number));
    else
      return unsigned_value(static_cast<std::uint64_t>(number));
  }
  Writer& value(double number);  // shortest text that reads back the same; not finite = null
  Writer& value(float number);
  Writer& null();
  Writer& raw(std::string_view json);  // REQUIRES: valid JSON

  template <class T>
  Writer& field(std::string_view name, const T& v) {
    return key(name).value(v);
  }
  Writer& array(std::span<const float> values);

  // Room for that many bytes: a long document is not moved while it grows.
  void reserve(std::size_t bytes) { out_.reserve(bytes); }
  [[nodiscard]] const std::string& text() const { return out_; }
  [[nodiscard]] std::string take() && { return std::move(out_); }

 private:
  Writer& open(char c);
  Writer& close(char c);
  void separate();
  Writer& signed_value(std::int64_t number);
  Writer& unsigned_value(std::uint64_t number);

  std::string out_;
  bool comma_ = false;  // the next element needs one before it
};

// `text` as a JSON string with its quotes.
void append_quoted(std::string& out, std::string_view text);

}  // namespace hearth::json
