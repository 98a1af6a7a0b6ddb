#pragma once

#include <boost/json/basic_parser.hpp>
#include <boost/json/value_stack.hpp>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

namespace hearth::json {

// Builds a value from what boost::json::basic_parser reports. Boost's own handler takes its quick estimate of a
// fraction, which can be off in the last bit; this one reads the digits exactly, so that what is written (shortest text
// that reads back the same) is read as the same number.
struct ValueHandler {
  using View = boost::json::string_view;
  using Code = boost::json::error_code;
  static constexpr std::size_t max_object_size = boost::json::object::max_size();
  static constexpr std::size_t max_array_size = boost::json::array::max_size();
  static constexpr std::size_t max_key_size = boost::json::string::max_size();
  static constexpr std::size_t max_string_size = boost::json::string::max_size();

  boost::json::value_stack stack;
  std::string digits;  // of the number that is coming, as far as it has come

  bool on_document_begin(Code&) { return true; }
  bool on_document_end(Code&) { return true; }
  bool on_object_begin(Code&) { return true; }
  bool on_object_end(std::size_t n, Code&) { return stack.push_object(n), true; }
  bool on_array_begin(Code&) { return true; }
  bool on_array_end(std::size_t n, Code&) { return stack.push_array(n), true; }
  bool on_key_part(View s, std::size_t, Code&) { return stack.push_chars(s), true; }
  bool on_key(View s, std::size_t, Code&) { return stack.push_key(s), true; }
  bool on_string_part(View s, std::size_t, Code&) { return stack.push_chars(s), true; }
  bool on_string(View s, std::size_t, Code&) { return stack.push_string(s), true; }
  bool on_number_part(View s, Code&) { return digits.append(s.data(), s.size()), true; }
  bool on_int64(std::int64_t i, View, Code&) { return digits.clear(), stack.push_int64(i), true; }
  bool on_uint64(std::uint64_t u, View, Code&) { return digits.clear(), stack.push_uint64(u), true; }
  bool on_double(double estimate, View s, Code& code) {
    digits.append(s.data(), s.size());
    double exact = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), exact);
    if (error != std::errc{}) exact = estimate;  // out of range: 0 or infinite
    digits.clear();
    if (!std::isfinite(exact)) {
      code = boost::json::error::exponent_overflow;
      return false;
    }
    return stack.push_double(exact), true;
  }
  bool on_bool(bool b, Code&) { return stack.push_bool(b), true; }
  bool on_null(Code&) { return stack.push_null(), true; }
  bool on_comment_part(View, Code&) { return true; }
  bool on_comment(View, Code&) { return true; }
};

}  // namespace hearth::json
