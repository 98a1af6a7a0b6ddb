#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chat/format/answer_format.hpp"
#include "domain/event.hpp"
#include "engine/core/answer/text_assembler.hpp"

namespace hearth::engine::core {

// Turns the bytes of one answer into its events: blocks of text, of thinking and of calls, with characters and markers
// never cut. The client's stop strings are looked for in the text alone, the model's in all that it writes. One per
// choice.
class AnswerWriter {
 public:
  struct Rules {
    std::vector<std::string> stops;
    std::vector<std::string> model_stops;
    chat::SharedAnswerFormat format;  // null: all is text
    bool one_call = false;            // the answer ends where a second one would begin
  };
  AnswerWriter(std::int32_t choice, Rules rules);

  struct Outcome {
    bool over = false;  // a stop string is complete, or one call is enough
    std::string stop;   // of the client's, the one that was found
  };
  // `echo`: text that goes before the answer; `logprobs`: of its tokens, where they are asked for.
  void begin(const std::string& echo, std::vector<domain::TokenLogprob> logprobs, std::vector<domain::Event>& out);
  [[nodiscard]] Outcome add(std::string_view bytes, std::optional<domain::TokenLogprob> logprob,
                            std::vector<domain::Event>& out);
  // What was held back, and the end of the open block. REQUIRES: begin() was called.
  void finish(std::vector<domain::Event>& out);

  [[nodiscard]] bool called() const { return called_; }  // a tool
  // Whether a character has begun that is not whole yet.
  [[nodiscard]] bool in_character() const { return in_character_; }

 private:
  using Events = std::vector<domain::Event>;

  Outcome take(std::vector<chat::AnswerPiece> pieces, Events& out);
  Outcome take_text(std::string text, Events& out);
  void enter(domain::BlockKind kind, Events& out, std::string id = {}, std::string name = {});
  void leave(Events& out);
  void say(std::string text, Events& out);
  void emit(std::string text, Events& out);
  void note_character(std::string_view bytes);

  std::int32_t choice_;
  Rules rules_;
  std::unique_ptr<chat::AnswerReader> reader_;
  TextAssembler raw_;
  TextAssembler said_;  // with a reader: the text alone
  std::int32_t blocks_ = 0;
  std::optional<domain::BlockKind> open_;
  std::string blanks_;  // at the beginning or the end of a text or of thinking: part of it only if more follows
  bool called_ = false;
  bool over_ = false;  // what the reader still has is not part of the answer
  bool in_character_ = false;
  // Of tokens that no event has stood for yet.
  std::int32_t tokens_ = 0;
  std::vector<domain::TokenLogprob> logprobs_;
};

}  // namespace hearth::engine::core
