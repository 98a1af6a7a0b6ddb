#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
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

// Compiles formats for one vocabulary, and keeps what it compiled lately. Thread-safe; blocks while it compiles
// (docs/formats.md has times).
class Compiler {
 public:
  // `texts` is asked for once, by the first format that needs it.
  explicit Compiler(std::function<TokenTexts()> texts);
  ~Compiler();
  Compiler(const Compiler&) = delete;
  Compiler& operator=(const Compiler&) = delete;

  // null for plain text. kInvalidRequest says what is wrong with the schema and where ("properties.a.not"), or with the
  // grammar (GBNF) or regular expression; `param` is "response_format".
  [[nodiscard]] Result<SharedConstraint> compile(const domain::ResponseFormat& format);

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
  void mask(std::span<float> logits);
  // false: it cannot come next.
  bool accept(domain::Token token);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::engine::constraint
