#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "chat/format/answer_format.hpp"
#include "domain/request.hpp"

namespace hearth::engine::constraint {

// The texts that a model writes: of each token, "" for one that is no text (control tokens), and the tokens that end an
// answer.
struct TokenTexts {
  std::vector<std::string> pieces;  // [vocabulary]; raw bytes, may be parts of characters
  std::vector<domain::Token> ends;
};

// What an answer may be, compiled for one vocabulary. Immutable; thread-safe.
class Constraint {
 public:
  struct Impl;
  explicit Constraint(std::unique_ptr<const Impl> impl);
  ~Constraint();
  Constraint(const Constraint&) = delete;
  Constraint& operator=(const Constraint&) = delete;
  [[nodiscard]] const Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<const Impl> impl_;
};
using SharedConstraint = std::shared_ptr<const Constraint>;

// What an answer consists of beside a text: the model's thinking, calls of tools.
struct AnswerShape {
  const chat::AnswerFormat* format = nullptr;  // null: it is all text
  domain::Tokens visible;                      // format->visible in this vocabulary, sorted
  bool may_call = false;
  bool must_call = false;  // and has no text
};

// Compiles formats for one vocabulary, and keeps what it compiled lately. Thread-safe; blocks while it compiles
// (docs/formats.md has times), but where it `knows` what is asked for.
class Compiler {
 public:
  // `texts` is asked for once per set of control tokens that count as text, by the first format that needs it.
  using Texts = std::function<TokenTexts(const domain::Tokens& visible)>;
  explicit Compiler(Texts texts);
  ~Compiler();
  Compiler(const Compiler&) = delete;
  Compiler& operator=(const Compiler&) = delete;

  // null for plain text. kInvalidRequest says what is wrong with the schema and where ("properties.a.not"), or with the
  // grammar (GBNF) or regular expression; `param` is the format's field. kUnsupported with `param` "tools": the
  // parameters of a tool cannot be enforced.
  [[nodiscard]] Result<SharedConstraint> compile(const domain::ResponseFormat& format, const AnswerShape& shape = {});
  [[nodiscard]] bool knows(const domain::ResponseFormat& format, const AnswerShape& shape = {}) const;
  // A call, from where it begins; null if nothing says where that is.
  [[nodiscard]] Result<SharedConstraint> compile_call(const AnswerShape& shape);
  [[nodiscard]] bool knows_call(const AnswerShape& shape) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Where one answer stands in its constraint. Not thread-safe.
class Matcher {
 public:
  explicit Matcher(SharedConstraint constraint);
  ~Matcher();
  Matcher(Matcher&&) noexcept;
  Matcher& operator=(Matcher&&) noexcept;

  // Makes every token impossible (minus infinity) that cannot come next; an end token can where the answer is complete.
  // Bounded in time: of an answer that can be read in too many ways every token becomes impossible.
  void mask(std::span<float> logits);
  // false: it cannot come next.
  bool accept(domain::Token token);
  bool accept(std::string_view text);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::engine::constraint
