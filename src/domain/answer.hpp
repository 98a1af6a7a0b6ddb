#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "domain/event.hpp"

namespace hearth::domain {

struct Block {
  BlockKind kind = BlockKind::kText;
  std::string text;  // of a tool call: its arguments
  std::string tool_id;
  std::string tool_name;
  std::string signature;
  friend bool operator==(const Block&, const Block&) = default;
};
struct Choice {
  std::vector<Block> blocks;
  std::vector<TokenLogprob> logprobs;
  std::vector<std::int32_t> logprob_blocks;  // the index of the block that each of these belongs to
  FinishReason reason = FinishReason::kStop;
  std::string stop_sequence;
  bool finished = false;
  friend bool operator==(const Choice&, const Choice&) = default;
  // All text blocks joined.
  [[nodiscard]] std::string text() const;
  [[nodiscard]] std::string thinking() const;
};

// The fold of a stream of events: what a non-streaming client gets.
struct Answer {
  Started started;
  std::vector<Choice> choices;
  std::vector<Embedded> embeddings;
  std::vector<Ranked> ranking;
  std::vector<Classified> classified;
  std::optional<Tokenized> tokenized;
  std::optional<Rendered> rendered;
  Usage usage;
  Timings timings;
  friend bool operator==(const Answer&, const Answer&) = default;
};

// Folds events one by one. REQUIRES: events of one stream, in order.
class AnswerBuilder {
 public:
  // The error of a Failed event, or of one that breaks the order (kBackendError).
  [[nodiscard]] Result<void> add(Event event);
  [[nodiscard]] bool complete() const { return complete_; }
  // The answer, or kStreamCut if no Finished came.
  [[nodiscard]] Result<Answer> take() &&;

 private:
  Answer answer_;
  bool complete_ = false;
};

}  // namespace hearth::domain
