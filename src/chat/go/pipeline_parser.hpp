#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "chat/go/lexer.hpp"
#include "chat/go/syntax.hpp"

namespace hearth::chat::go {

// What stands inside an action: pipelines of commands of words. The parser of blocks (parser.cpp) stands on it.
class PipelineParser {
 public:
  explicit PipelineParser(std::string_view source) : source_(source), lexer_(source) {}

 protected:
  using Kind = Token::Kind;

  // Counts nesting, of blocks and of brackets.
  class Level {
   public:
    explicit Level(PipelineParser& of) : of_(of) { ++of_.depth_; }
    ~Level() { --of_.depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    PipelineParser& of_;
  };
  [[nodiscard]] int depth() const { return depth_; }
  [[nodiscard]] bool is_too_deep() const { return depth_ > kDepthMax; }

  [[nodiscard]] std::unexpected<Error> bad(std::size_t offset, std::string_view why) const {
    return fail_at(source_, offset, why);
  }
  [[nodiscard]] std::unexpected<Error> unexpected(std::string_view where) const;  // the current token

  Result<void> advance();
  Result<void> skip_space();
  Result<void> close(std::string_view where);  // takes the }}
  // Up to `end`, which stays the current token. `where`: the keyword it belongs to.
  Result<Pipeline> pipeline(std::string_view where, Kind end);

  Token token_;
  std::vector<std::string> known_{"$"};  // variables, the latest last

 private:
  static constexpr int kDepthMax = 100;
  static constexpr std::size_t kVariablesMax = 1000;  // every use looks through them

  Result<void> declarations(Pipeline& out, std::string_view where, std::optional<Operand>& first);
  Result<void> targets(Pipeline& out, std::string_view where);
  Result<Command> command(std::optional<Operand> first, std::string_view where);
  Result<std::optional<Operand>> operand();
  Result<std::optional<Operand>> term();
  Result<Operand> named(Operand out);
  Result<void> check_stages(const Pipeline& pipeline, std::string_view where) const;
  [[nodiscard]] bool ends_word() const;
  [[nodiscard]] bool is_known(std::string_view variable) const {
    return std::ranges::find(known_, variable) != known_.end();
  }

  std::string_view source_;
  Lexer lexer_;
  int depth_ = 0;
};

}  // namespace hearth::chat::go
