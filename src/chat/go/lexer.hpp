#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace hearth::chat::go {

struct Token {
  enum class Kind {
    kEnd,       // of the template
    kText,      // between actions
    kOpen,      // {{
    kClose,     // }}
    kSpace,     // inside an action
    kWord,      // if, len, nil
    kField,     // .Name
    kDot,       // .
    kVariable,  // $name, $
    kNumber,    // 12, 0x1F, 1.5, 'a'
    kString,    // "...", `...`
    kDeclare,   // :=
    kAssign,    // =
    kPipe,
    kComma,
    kLeft,   // (
    kRight,  // )
    kOther,  // a character that has no place in an action
  };
  Kind kind = Kind::kEnd;
  std::string_view text;  // as written; of kText: trimmed as the markers beside it ask for
  std::size_t offset = 0;
};

// Takes a template apart. `source` outlives it.
class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(source) {}
  // kInvalidRequest, with the line.
  [[nodiscard]] Result<Token> next();

 private:
  [[nodiscard]] std::string_view rest() const { return source_.substr(at_); }
  [[nodiscard]] Token take(Token::Kind kind, std::size_t size);
  [[nodiscard]] Result<Token> outside();
  [[nodiscard]] Result<Token> inside();
  [[nodiscard]] Result<void> skip_comment();
  void close(std::size_t size, bool trims);
  [[nodiscard]] Result<Token> word(Token::Kind kind, std::size_t from);
  [[nodiscard]] Result<Token> number();
  [[nodiscard]] Result<Token> quoted(char quote);
  [[nodiscard]] std::unexpected<Error> bad(std::string_view why) const;

  std::string_view source_;
  std::size_t at_ = 0;
  bool inside_ = false;
  bool trim_next_ = false;  // the text after the last action loses its leading blanks
};

// The line of a place, from 1.
[[nodiscard]] std::size_t line_of(std::string_view source, std::size_t offset);
// kInvalidRequest: "line 3: why".
[[nodiscard]] std::unexpected<Error> fail_at(std::string_view source, std::size_t offset, std::string_view why);

// What stands between the quotes of a kString, escapes resolved; nothing if it breaks Go's rules.
[[nodiscard]] Result<std::string> unquote(std::string_view quoted);
// The code point of 'a'.
[[nodiscard]] Result<char32_t> unquote_character(std::string_view quoted);

}  // namespace hearth::chat::go
