#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "domain/request.hpp"

namespace hearth::chat {

// A piece of an answer, in the order in which it came.
struct AnswerPiece {
  enum class Kind { kThinking, kText, kCall, kArguments };
  Kind kind = Kind::kText;
  std::string text;  // of kCall: the tool's name; of kArguments: a part of a JSON object's text
  std::string id;    // of kCall: what the model calls it; mostly empty
  friend bool operator==(const AnswerPiece&, const AnswerPiece&) = default;
};

// Takes one answer apart while it is written. What may yet become a marker is held back, so that no part of one is ever
// taken for text; all else comes at once. A text that is no answer of the model's format is text. Not thread-safe.
class AnswerReader {
 public:
  virtual ~AnswerReader() = default;
  // REQUIRES: whole characters.
  [[nodiscard]] virtual std::vector<AnswerPiece> feed(std::string_view text) = 0;
  [[nodiscard]] virtual std::vector<AnswerPiece> finish() = 0;  // what was held back
};

// Where a call begins in what was written after the thinking: at a word, or where the first group of a pattern
// (ECMAScript) matches, without groups the pattern itself.
struct CallTrigger {
  std::string text;
  bool is_pattern = false;
  friend bool operator==(const CallTrigger&, const CallTrigger&) = default;
};

// How a model writes an answer to one request. Immutable, thread-safe; outlives its template.
class AnswerFormat {
 public:
  virtual ~AnswerFormat() = default;
  [[nodiscard]] virtual std::unique_ptr<AnswerReader> read() const = 0;

  // Control tokens that are part of what the reader reads.
  std::vector<std::string> visible;

  // Empty tags: this model does not think. `opened`: the prompt ends within the thinking.
  struct Thinking {
    std::string begin;
    std::string end;
    bool opened = false;
    bool possible = false;  // the answer begins with it, or may
  };
  Thinking thinking;

  // Formats in which texts have a head that the model writes; mostly empty.
  std::string after_thinking;  // stands between the thinking and what follows
  std::string text_begin;      // stands before a text

  bool short_ids = false;  // the template takes no ids of calls but of nine characters

  // GBNF of calls, from the trigger on; empty: no tools, or the format has no mark that calls begin with.
  std::string call_grammar;
  std::vector<CallTrigger> triggers;
  // GBNF of an answer of nothing but calls, after the thinking; where they or a form of the text are required.
  std::string required_grammar;
};
using SharedAnswerFormat = std::shared_ptr<const AnswerFormat>;

}  // namespace hearth::chat
