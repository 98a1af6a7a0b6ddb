#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "chat/format/answer_format.hpp"
#include "domain/event.hpp"
#include "domain/request.hpp"
#include "engine/constraint/constraint.hpp"
#include "engine/core/sampling/dry_breakers.hpp"

namespace hearth::engine::core {

// What submit() makes of a request: tokens and settings, checked against the model, nothing left that could be refused.
struct PreparedPrompt {
  domain::Tokens tokens;       // at least one
  std::string echo;            // text that goes before the answer
  std::int32_t echo_from = 0;  // the first of the tokens that is part of it
};
struct PreparedGeneration {
  std::vector<PreparedPrompt> prompts;
  domain::Generation generation;  // max_tokens none = until the context is full
  std::vector<std::string>
      model_stops;         // of the chat template: they end the answer but are not the client's stop sequences
  std::uint64_t seed = 0;  // of choice 0
  std::int32_t context_tokens = 0;
  std::int32_t dropped = 0;
  bool scores_prompts = false;              // the echo comes with the probabilities of its tokens
  bool shift = false;                       // a full context does not end the answer
  std::int32_t keep_tokens = 0;             // of the prompt, by each shift; -1 = all
  chat::SharedAnswerFormat format;          // null: an answer is all text
  domain::Tokens visible;                   // format->visible in the model's vocabulary, sorted
  constraint::SharedConstraint constraint;  // of the whole answer; null: any
  constraint::SharedConstraint call;        // of a call, from where the format says that one begins; null: any
  bool one_call = false;
  std::optional<std::int32_t> thinking_max;     // tokens
  domain::Tokens thinking_end;                  // what the model is made to write then
  std::shared_ptr<const DryBreakers> breakers;  // of DRY; null where it is off
};
// Whole sequences, and what is made of the values that the model has for each.
struct PreparedEmbedding {
  enum class Wanted { kVectors, kRanking, kClasses };
  struct Input {
    domain::Tokens tokens;
    std::int32_t second = -1;  // where the second text of a pair begins
  };
  std::vector<Input> inputs;
  Wanted wanted = Wanted::kVectors;
  std::int32_t dropped = 0;
  // of vectors
  std::optional<domain::Pooling> pooling;
  std::optional<std::int32_t> dimensions;
  bool normalize = true;
  // of scores
  bool raw_scores = false;
  std::optional<std::int32_t> top_n;
};
using Prepared = std::variant<PreparedGeneration, PreparedEmbedding>;

}  // namespace hearth::engine::core
