#include "chat/go/numbers.hpp"

#include <charconv>
#include <cmath>
#include <fmt/format.h>
#include <string_view>

namespace hearth::chat::go {
namespace {

constexpr std::size_t kLongest = 400;  // of a double in fixed notation

struct Scientific {
  std::string text;  // "1.5e-07"
  int exponent = 0;
};

Scientific scientific(double number) {
  char buffer[kLongest];
  const auto end = std::to_chars(buffer, buffer + sizeof(buffer), number, std::chars_format::scientific).ptr;
  Scientific out{.text = std::string(buffer, end)};
  const auto at = out.text.find('e') + 1;
  const auto from = out.text[at] == '+' ? at + 1 : at;
  std::from_chars(out.text.data() + from, out.text.data() + out.text.size(), out.exponent);
  return out;
}

std::string fixed(double number) {
  char buffer[kLongest];
  return {buffer, std::to_chars(buffer, buffer + sizeof(buffer), number, std::chars_format::fixed).ptr};
}

}  // namespace

std::string real_text(double number) {
  constexpr int kLeast = -4;
  constexpr int kMost = 6;
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number < 0 ? "-Inf" : "+Inf";
  auto out = scientific(number);
  return out.exponent < kLeast || out.exponent >= kMost ? out.text : fixed(number);
}

std::string real_json(double number) {
  constexpr int kLeast = -6;
  constexpr int kMost = 21;
  if (!std::isfinite(number)) return "null";
  auto out = scientific(number);
  if (number == 0 || (out.exponent >= kLeast && out.exponent < kMost)) return fixed(number);
  // Go writes e-7, not e-07.
  if (const auto at = out.text.find("e-0"); at != std::string::npos) out.text.erase(at + 2, 1);
  return out.text;
}

}  // namespace hearth::chat::go
