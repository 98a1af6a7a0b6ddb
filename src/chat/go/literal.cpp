#include "chat/go/literal.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>

#include "base/strings.hpp"

namespace hearth::chat::go {
namespace {

std::optional<std::int64_t> whole_number(std::string_view digits, bool negative) {
  constexpr std::pair<std::string_view, int> kPrefixes[] = {{"0x", 16}, {"0o", 8}, {"0b", 2}};
  int base = 10;
  const auto prefix = std::ranges::find_if(
      kPrefixes, [&](const auto& known) { return base::starts_with_ignore_case(digits, known.first); });
  if (prefix != std::end(kPrefixes)) {
    base = prefix->second;
    digits.remove_prefix(2);
  } else if (digits.size() > 1 && digits.front() == '0') {
    base = 8;
  }
  // With its sign, so that the least number of all is read.
  const std::string text = (negative ? "-" : "") + std::string(digits);
  std::int64_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  if (digits.empty() || digits.front() == '-' || error != std::errc() || end != text.data() + text.size())
    return std::nullopt;
  return out;
}

}  // namespace

Result<Value> literal_value(const Token& token) {
  if (token.kind == Token::Kind::kString) {
    HEARTH_TRY(auto text, unquote(token.text));
    return Value(std::move(text));
  }
  if (token.text.starts_with('\'')) {
    HEARTH_TRY(const auto character, unquote_character(token.text));
    return Value(static_cast<std::int64_t>(character));
  }
  std::string digits;
  std::ranges::copy_if(token.text, std::back_inserter(digits), [](char c) { return c != '_'; });
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.erase(0, 1);
  if (const auto whole = whole_number(digits, negative)) return Value(*whole);
  const bool plain = !digits.empty() && (digits.front() == '.' || (digits.front() >= '0' && digits.front() <= '9'));
  const auto real = base::parse_double(digits);
  if (!plain || !real || digits.find_first_of(".eE") == std::string::npos ||
      digits.find_first_of("xX") != std::string::npos)
    return fail(ErrorCode::kInvalidRequest, fmt::format("'{}' is no number", base::one_line(token.text.substr(0, 40))));
  return Value(negative ? -*real : *real);
}

}  // namespace hearth::chat::go
