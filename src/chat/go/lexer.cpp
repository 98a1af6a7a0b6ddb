#include "chat/go/lexer.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "base/strings.hpp"

namespace hearth::chat::go {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::string_view kBraces = "{{";
constexpr std::string_view kEndBraces = "}}";

bool is_blank(char c) { return kBlanks.contains(c); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
// Letters of other scripts are taken as they come.
bool is_word(char c) {
  return is_digit(c) || c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         static_cast<unsigned char>(c) > 127;
}

// Length of "}}" or " -}}" at the beginning; 0: neither.
std::size_t close_length(std::string_view text) {
  if (text.starts_with(kEndBraces)) return 2;
  return text.size() >= 4 && is_blank(text[0]) && text.substr(1, 3) == "-}}" ? 4 : 0;
}

std::string_view drop_leading(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of(kBlanks), text.size()));
}
std::string_view drop_trailing(std::string_view text) { return text.substr(0, text.find_last_not_of(kBlanks) + 1); }

}  // namespace

std::size_t line_of(std::string_view source, std::size_t offset) {
  return 1 + static_cast<std::size_t>(std::ranges::count(source.substr(0, offset), '\n'));
}

std::unexpected<Error> fail_at(std::string_view source, std::size_t offset, std::string_view why) {
  return fail(ErrorCode::kInvalidRequest, fmt::format("line {}: {}", line_of(source, offset), why), "template");
}

std::unexpected<Error> Lexer::bad(std::string_view why) const { return fail_at(source_, at_, why); }

Token Lexer::take(Token::Kind kind, std::size_t size) {
  const Token out{.kind = kind, .text = source_.substr(at_, size), .offset = at_};
  at_ += size;
  return out;
}

Result<Token> Lexer::next() { return inside_ ? inside() : outside(); }

// Text up to the next action; comments are no actions.
Result<Token> Lexer::outside() {
  while (true) {
    const auto begin = at_;
    const auto open = std::min(source_.find(kBraces, at_), source_.size());
    auto text = source_.substr(begin, open - begin);
    if (std::exchange(trim_next_, false)) text = drop_leading(text);
    const auto after = source_.substr(open);
    const bool trims = after.size() >= 4 && after[2] == '-' && is_blank(after[3]);
    if (trims) text = drop_trailing(text);
    if (!text.empty()) {
      at_ = open;
      return Token{.kind = Token::Kind::kText, .text = text, .offset = begin};
    }
    at_ = open;
    if (after.empty()) return take(Token::Kind::kEnd, 0);
    const std::size_t marker = trims ? 4 : 2;
    if (!source_.substr(at_ + marker).starts_with("/*")) {
      inside_ = true;
      return take(Token::Kind::kOpen, marker);
    }
    at_ += marker;
    HEARTH_CHECK(skip_comment());
  }
}

Result<void> Lexer::skip_comment() {
  const auto end = source_.find("*/", at_);
  if (end == std::string_view::npos) return bad("the comment is not closed");
  const auto size = close_length(source_.substr(end + 2));
  if (size == 0) return bad("a comment must end right before the closing braces");
  at_ = end + 2;
  close(size, size > 2);
  return {};
}

void Lexer::close(std::size_t size, bool trims) {
  at_ += size;
  inside_ = false;
  trim_next_ = trims;
}

Result<Token> Lexer::inside() {
  using enum Token::Kind;
  if (const auto size = close_length(rest()); size > 0) {
    const Token out{.kind = kClose, .text = source_.substr(at_, size), .offset = at_};
    close(size, size > 2);
    return out;
  }
  if (rest().empty()) return bad("the action is not closed");
  const char c = rest().front();
  const char following = rest().size() > 1 ? rest()[1] : '\0';
  if (is_blank(c)) {
    std::size_t size = 1;
    while (size < rest().size() && is_blank(rest()[size]) && close_length(rest().substr(size)) == 0) ++size;
    return take(kSpace, size);
  }
  switch (c) {
    case '=': return take(kAssign, 1);
    case ':':
      if (following != '=') return bad("expected :=");
      return take(kDeclare, 2);
    case '|': return take(kPipe, 1);
    case ',': return take(kComma, 1);
    case '(': return take(kLeft, 1);
    case ')': return take(kRight, 1);
    case '"':
    case '`':
    case '\'': return quoted(c);
    case '$': return word(kVariable, 1);
    case '.': return is_digit(following) ? number() : is_word(following) ? word(kField, 1) : take(kDot, 1);
    case '+':
    case '-': return number();
    default: break;
  }
  if (is_digit(c)) return number();
  if (is_word(c)) return word(kWord, 0);
  return take(kOther, 1);
}

// Go wants a blank, a bracket or the like behind a word.
Result<Token> Lexer::word(Token::Kind kind, std::size_t from) {
  std::size_t size = from;
  while (size < rest().size() && is_word(rest()[size])) ++size;
  const auto after = rest().substr(size);
  constexpr std::string_view kMayFollow = " \t\r\n.,|:=()";
  if (!after.empty() && !kMayFollow.contains(after.front()) && !after.starts_with(kEndBraces))
    return bad(fmt::format("'{}' cannot follow '{}'", base::one_line(after.substr(0, 1)),
                           base::one_line(rest().substr(0, std::min<std::size_t>(size, 100)))));
  return take(kind, size);
}

Result<Token> Lexer::number() {
  std::size_t size = 1;
  while (size < rest().size()) {
    const char c = rest()[size];
    const bool exponent_sign = (c == '+' || c == '-') && (rest()[size - 1] == 'e' || rest()[size - 1] == 'E');
    if (!is_word(c) && c != '.' && !exponent_sign) break;
    ++size;
  }
  return take(Token::Kind::kNumber, size);
}

Result<Token> Lexer::quoted(char quote) {
  std::size_t size = 1;
  while (true) {
    const auto after = rest().substr(size);
    if (after.empty() || (quote != '`' && after.front() == '\n'))
      return bad(quote == '\'' ? "the character constant is not closed" : "the string is not closed");
    if (quote != '`' && after.front() == '\\') {
      size += std::min<std::size_t>(after.size(), 2);
      continue;
    }
    ++size;
    if (after.front() == quote) break;
  }
  return take(quote == '\'' ? Token::Kind::kNumber : Token::Kind::kString, size);
}

}  // namespace hearth::chat::go
