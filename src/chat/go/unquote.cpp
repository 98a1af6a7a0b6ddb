// Strings and characters as Go's source has them (Go specification, "String literals", "Rune literals").
#include <algorithm>
#include <charconv>

#include "chat/go/lexer.hpp"

namespace hearth::chat::go {
namespace {

constexpr char32_t kLast = 0x10FFFF;

void append_utf8(std::string& out, char32_t c) {
  const auto add = [&](char32_t byte) { out += static_cast<char>(static_cast<unsigned char>(byte)); };
  if (c < 0x80) {
    add(c);
  } else if (c < 0x800) {
    add(0xC0 | (c >> 6U));
    add(0x80 | (c & 0x3FU));
  } else if (c < 0x10000) {
    add(0xE0 | (c >> 12U));
    add(0x80 | ((c >> 6U) & 0x3FU));
    add(0x80 | (c & 0x3FU));
  } else {
    add(0xF0 | (c >> 18U));
    add(0x80 | ((c >> 12U) & 0x3FU));
    add(0x80 | ((c >> 6U) & 0x3FU));
    add(0x80 | (c & 0x3FU));
  }
}

// One character that is not escaped, of valid UTF-8.
char32_t take_utf8(std::string_view& text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(i < text.size() ? text[i] : 0x80); };
  const unsigned first = byte(0);
  const std::size_t size = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  char32_t out = size == 1 ? first : first & (0xFFU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) out = (out << 6U) | (byte(i) & 0x3FU);
  text.remove_prefix(std::min(size, text.size()));
  return out;
}

struct Escaped {
  char32_t value = 0;
  bool is_byte = false;  // \x41 and \101 give bytes, the others characters
};

std::unexpected<Error> bad() {
  return fail(ErrorCode::kInvalidRequest, "a string has an escape that Go does not know");
}

Result<Escaped> take_number(std::string_view& text, std::size_t digits, int base, bool is_byte) {
  std::uint32_t value = 0;
  if (text.size() < digits) return bad();
  const auto number = text.substr(0, digits);
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value, base);
  const bool surrogate = !is_byte && value >= 0xD800 && value < 0xE000;
  if (error != std::errc() || end != number.data() + number.size() || value > (is_byte ? 0xFFU : kLast) || surrogate)
    return bad();
  text.remove_prefix(digits);
  return Escaped{.value = value, .is_byte = is_byte};
}

// What follows a backslash.
Result<Escaped> take_escape(std::string_view& text, char quote) {
  constexpr int kHex = 16;
  constexpr int kOctal = 8;
  if (text.empty()) return bad();
  const char c = text.front();
  if (c >= '0' && c <= '7') return take_number(text, 3, kOctal, true);
  text.remove_prefix(1);
  switch (c) {
    case 'a': return Escaped{'\a'};
    case 'b': return Escaped{'\b'};
    case 'f': return Escaped{'\f'};
    case 'n': return Escaped{'\n'};
    case 'r': return Escaped{'\r'};
    case 't': return Escaped{'\t'};
    case 'v': return Escaped{'\v'};
    case '\\': return Escaped{'\\'};
    case 'x': return take_number(text, 2, kHex, true);
    case 'u': return take_number(text, 4, kHex, false);
    case 'U': return take_number(text, 8, kHex, false);
    default: break;
  }
  if (c != quote) return bad();
  return Escaped{static_cast<char32_t>(static_cast<unsigned char>(c))};
}

}  // namespace

Result<std::string> unquote(std::string_view quoted) {
  const char quote = quoted.front();
  auto text = quoted.substr(1, quoted.size() - 2);
  std::string out;
  if (quote == '`') {  // raw; Go leaves carriage returns out
    for (const char c : text) {
      if (c != '\r') out += c;
    }
    return out;
  }
  while (!text.empty()) {
    const auto plain = text.substr(0, text.find('\\'));
    out += plain;
    text.remove_prefix(plain.size());
    if (text.empty()) break;
    text.remove_prefix(1);
    HEARTH_TRY(const auto escaped, take_escape(text, quote));
    if (escaped.is_byte)
      out += static_cast<char>(static_cast<unsigned char>(escaped.value));
    else
      append_utf8(out, escaped.value);
  }
  return out;
}

Result<char32_t> unquote_character(std::string_view quoted) {
  auto text = quoted.substr(1, quoted.size() - 2);
  char32_t out = 0;
  if (text.starts_with('\\')) {
    text.remove_prefix(1);
    HEARTH_TRY(const auto escaped, take_escape(text, '\''));
    out = escaped.value;
  } else if (!text.empty()) {
    out = take_utf8(text);
  } else {
    return bad();
  }
  if (!text.empty()) return bad();
  return out;
}

}  // namespace hearth::chat::go
