// printf: the verbs %v %s %d %q %t %c %x %X %f %e %g %%, with flags, width and precision, as Go's fmt has them. A value
// that does not go with its verb is an error here; Go writes %!d(string=...) into the text, which no model should see.
#include <charconv>
#include <fmt/format.h>

#include "base/strings.hpp"
#include "chat/go/functions.hpp"
#include "chat/go/numbers.hpp"

namespace hearth::chat::go {
namespace {

constexpr int kWidthMax = 1000;

std::unexpected<Error> bad(std::string message) { return fail(ErrorCode::kInvalidRequest, std::move(message)); }

struct Verb {
  bool minus = false;
  bool plus = false;
  bool zero = false;
  bool space = false;
  bool sharp = false;
  int width = 0;
  int precision = -1;  // none
  char letter = 0;
};

Result<int> take_number(std::string_view& text) {
  int out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error == std::errc::result_out_of_range || out < 0 || out > kWidthMax) return bad("the width is too large");
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return out;
}

// What follows a %.
Result<Verb> take_verb(std::string_view& text) {
  Verb out;
  for (bool more = true; more && !text.empty();) {
    switch (text.front()) {
      case '-': out.minus = true; break;
      case '+': out.plus = true; break;
      case '0': out.zero = true; break;
      case ' ': out.space = true; break;
      case '#': out.sharp = true; break;
      default: more = false; continue;
    }
    text.remove_prefix(1);
  }
  if (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    HEARTH_TRY(out.width, take_number(text));
  }
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    out.precision = 0;
    if (!text.empty() && text.front() >= '0' && text.front() <= '9') {
      HEARTH_TRY(out.precision, take_number(text));
    }
  }
  if (text.empty()) return bad("the format ends in a verb");
  out.letter = text.front();
  text.remove_prefix(1);
  if (out.sharp) return bad("the flag # is not known here");
  return out;
}

std::size_t characters(std::string_view text) {
  std::size_t out = 0;
  for (const char c : text) out += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1 : 0;
  return out;
}

std::string padded(std::string text, const Verb& verb, bool number) {
  const auto width = static_cast<std::size_t>(verb.width);
  const auto size = characters(text);
  if (size >= width) return text;
  const std::size_t missing = width - size;
  if (verb.minus) return text + std::string(missing, ' ');
  if (!verb.zero || (!number && verb.letter != 's' && verb.letter != 'v' && verb.letter != 'q'))
    return std::string(missing, ' ') + text;
  const bool sign = number && (text.starts_with('-') || text.starts_with('+') || text.starts_with(' '));
  return text.insert(sign ? 1 : 0, missing, '0');
}

std::string with_sign(std::string text, const Verb& verb) {
  if (text.starts_with('-') || text.starts_with('+')) return text;
  return (verb.plus ? "+" : verb.space ? " " : "") + text;
}

// The first `count` characters.
std::string_view shortened(std::string_view text, int count) {
  if (count < 0) return text;
  std::size_t size = 0;
  for (int seen = 0; size < text.size(); ++size) {
    if ((static_cast<unsigned char>(text[size]) & 0xC0U) != 0x80U && seen++ == count) break;
  }
  return text.substr(0, size);
}

std::string hexadecimal(std::string_view text, bool upper) {
  std::string out;
  for (const char c : text) {
    const unsigned byte = static_cast<unsigned char>(c);
    out += upper ? fmt::format("{:02X}", byte) : fmt::format("{:02x}", byte);
  }
  return out;
}

// As Go's %q for text that a chat can hold.
std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\a': out += "\\a"; break;
      case '\b': out += "\\b"; break;
      case '\f': out += "\\f"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      case '\v': out += "\\v"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F)
          out += fmt::format("\\x{:02x}", static_cast<unsigned>(c));
        else
          out += c;
    }
  }
  return out + '"';
}

std::string whole(std::int64_t number, const Verb& verb) {
  if (verb.letter == 'x')
    return number < 0 ? fmt::format("-{:x}", 0U - static_cast<std::uint64_t>(number)) : fmt::format("{:x}", number);
  if (verb.letter == 'X')
    return number < 0 ? fmt::format("-{:X}", 0U - static_cast<std::uint64_t>(number)) : fmt::format("{:X}", number);
  return fmt::format("{}", number);
}

std::string real(double number, const Verb& verb) {
  const int digits = verb.precision < 0 ? 6 : verb.precision;
  if (verb.letter == 'f') return fmt::format("{:.{}f}", number, digits);
  if (verb.letter == 'e') return fmt::format("{:.{}e}", number, digits);
  if (verb.precision >= 0) return fmt::format("{:.{}g}", number, std::max(digits, 1));
  // %g switches to an exponent later than %v does where the digits need the room.
  return real_text(number);
}

Result<std::string> formatted(const Value& value, const Verb& verb) {
  const auto goes_with = [&](std::string_view letters) { return letters.contains(verb.letter); };
  if (const auto* number = value.as<std::int64_t>(); number != nullptr && goes_with("vdxX"))
    return padded(with_sign(whole(*number, verb), verb), verb, true);
  if (const auto* number = value.as<double>(); number != nullptr && goes_with("vfeg"))
    return padded(with_sign(real(*number, verb), verb), verb, true);
  if (const auto* b = value.as<bool>(); b != nullptr && goes_with("vt"))
    return padded(*b ? "true" : "false", verb, false);
  if (const auto* number = value.as<std::int64_t>();
      number != nullptr && verb.letter == 'c' && *number >= 0 && *number < 0x80)
    return padded(std::string(1, static_cast<char>(*number)), verb, false);
  const bool json_text = value.as<List>() != nullptr || value.as<Map>() != nullptr || value.as<Record>() != nullptr;
  if (value.text() != nullptr || ((json_text || value.is_nothing()) && goes_with("vs"))) {
    const std::string text = to_text(value);
    const auto shown = shortened(text, verb.precision);
    if (goes_with("vs")) return padded(std::string(shown), verb, false);
    if (verb.letter == 'q') return padded(in_quotes(shown), verb, false);
    if (goes_with("xX")) return padded(hexadecimal(shown, verb.letter == 'X'), verb, false);
  }
  return bad(fmt::format("%{} is not for a {}", base::one_line(std::string_view(&verb.letter, 1)), value.kind()));
}

}  // namespace

Result<Value> print_format(Arguments args, Budget& budget) {
  const auto* format = args[0].text();
  if (format == nullptr) return bad(fmt::format("the format is a {}", args[0].kind()));
  std::string_view rest = *format;
  std::string out;
  std::size_t used = 1;
  while (!rest.empty()) {
    const auto plain = rest.substr(0, rest.find('%'));
    HEARTH_CHECK(budget.write(plain.size()));
    out += plain;
    rest.remove_prefix(plain.size());
    if (rest.empty()) break;
    rest.remove_prefix(1);
    HEARTH_TRY(const auto verb, take_verb(rest));
    if (verb.letter == '%') {
      out += '%';
      continue;
    }
    if (used == args.size()) return bad("there are more verbs than values");
    HEARTH_TRY(const auto text, formatted(args[used++], verb));
    HEARTH_CHECK(budget.write(text.size() + 1));
    out += text;
  }
  if (used < args.size()) return bad("there are more values than verbs");
  return Value(std::move(out));
}

}  // namespace hearth::chat::go
