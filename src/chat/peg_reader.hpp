#pragma once

#include <chat.h>
#include <memory>
#include <string>
#include <vector>

#include "chat/format/answer_format.hpp"

namespace hearth::chat {

// A grammar of answers as llama.cpp derives it from a template. Immutable, thread-safe.
struct AnswerGrammar {
  common_peg_arena rules;
  common_chat_format format = COMMON_CHAT_FORMAT_CONTENT_ONLY;
  std::string head;                // what stands before an answer and is part of what the rules read
  std::vector<std::string> marks;  // texts that are never content
};

// Reads answers by such a grammar. It can only parse whole texts; so that an answer of n tokens does not cost n parses
// of all of it, text and thinking that were sent are forgotten again, and long calls are parsed every few dozen bytes.
[[nodiscard]] std::unique_ptr<AnswerReader> make_peg_reader(std::shared_ptr<const AnswerGrammar> grammar);

}  // namespace hearth::chat
