#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "domain/request.hpp"

namespace hearth::domain {

struct Usage {
  enum class Source { kCounted, kReported, kEstimated };
  std::int32_t prompt = 0;      // all prompt tokens, cached ones included
  std::int32_t cached = 0;      // of these, taken from the cache
  std::int32_t completion = 0;  // over all choices
  std::int32_t reasoning = 0;   // of these, spent on thinking
  std::int32_t dropped = 0;     // tokens cut because the request asked to truncate its prompt or to shift the context
  Source source = Source::kCounted;
  friend bool operator==(const Usage&, const Usage&) = default;
};

struct Timings {
  std::chrono::nanoseconds queued{};       // waiting for a slot
  std::chrono::nanoseconds loaded{};       // loading the model for this request
  std::chrono::nanoseconds prompt{};       // prefill
  std::chrono::nanoseconds first_token{};  // from submission to the first token
  std::chrono::nanoseconds decode{};       // from the first token to the last
  friend bool operator==(const Timings&, const Timings&) = default;
};

enum class BlockKind { kText, kThinking, kToolCall, kRefusal };
enum class FinishReason { kStop, kLength, kToolCalls, kContentFilter };

struct TokenLogprob {
  std::string text;  // raw bytes of the token; may be part of a character
  Token id = 0;
  double logprob = 0;
  bool first = false;  // of a prompt: nothing stands before it, so it has no probability
  struct Alternative {
    std::string text;
    Token id = 0;
    double logprob = 0;
    friend bool operator==(const Alternative&, const Alternative&) = default;
  };
  std::vector<Alternative> top;
  friend bool operator==(const TokenLogprob&, const TokenLogprob&) = default;
};

// The stream of one request: Started, then per choice BlockOpened (Delta)* BlockClosed ..., ChoiceFinished; then
// Finished. Exactly one of Finished and Failed ends every stream; a stream that stops without either is kStreamCut.
// Answers to embed, rerank, classify, tokenize and render are events too, so that there is one path for everything.
struct Started {
  std::string id;  // set by the edge
  std::string model;
  std::string served_by;  // backend name
  std::string device;     // what really runs it, e.g. "CPU"
  std::int32_t prompt_tokens = 0;
  std::int32_t cached_tokens = 0;
  std::chrono::nanoseconds queued{};  // waiting for a slot
  friend bool operator==(const Started&, const Started&) = default;
};
struct BlockOpened {
  std::int32_t choice = 0;
  std::int32_t index = 0;  // of the block within its choice
  BlockKind kind = BlockKind::kText;
  std::string tool_id;
  std::string tool_name;
  friend bool operator==(const BlockOpened&, const BlockOpened&) = default;
};
struct Delta {
  std::int32_t choice = 0;
  std::int32_t index = 0;
  std::string text;         // whole UTF-8 characters
  std::int32_t tokens = 0;  // generated tokens that this text (or held-back text) stands for
  std::vector<TokenLogprob> logprobs;
  friend bool operator==(const Delta&, const Delta&) = default;
};
struct BlockClosed {
  std::int32_t choice = 0;
  std::int32_t index = 0;
  std::string signature;
  friend bool operator==(const BlockClosed&, const BlockClosed&) = default;
};
struct ChoiceFinished {
  std::int32_t choice = 0;
  FinishReason reason = FinishReason::kStop;
  std::string stop_sequence;  // the stop string that ended it, if one did
  friend bool operator==(const ChoiceFinished&, const ChoiceFinished&) = default;
};
struct Finished {
  Usage usage;
  Timings timings;
  friend bool operator==(const Finished&, const Finished&) = default;
};
struct Failed {
  Error error;
  friend bool operator==(const Failed&, const Failed&) = default;
};
struct Embedded {
  std::int32_t index = 0;  // of the input
  std::vector<float> values;
  std::optional<std::int32_t> token;  // whose vector it is, where each token of the input keeps its own
  friend bool operator==(const Embedded&, const Embedded&) = default;
};
// Of a rerank, the best document first; as many as were asked for.
struct Ranked {
  std::int32_t index = 0;  // of the document
  float score = 0;
  friend bool operator==(const Ranked&, const Ranked&) = default;
};
struct Classified {
  struct Class {
    std::string label;
    float score = 0;
    friend bool operator==(const Class&, const Class&) = default;
  };
  std::int32_t index = 0;      // of the input
  std::vector<Class> classes;  // the likeliest first
  friend bool operator==(const Classified&, const Classified&) = default;
};
struct Tokenized {
  Tokens tokens;
  std::vector<std::string> pieces;  // raw bytes per token
  friend bool operator==(const Tokenized&, const Tokenized&) = default;
};
struct Rendered {
  std::string text;
  std::int32_t tokens = 0;
  friend bool operator==(const Rendered&, const Rendered&) = default;
};

using Event = std::variant<Started, BlockOpened, Delta, BlockClosed, ChoiceFinished, Finished, Failed, Embedded, Ranked,
                           Classified, Tokenized, Rendered>;

[[nodiscard]] inline bool ends_stream(const Event& event) {
  return std::holds_alternative<Finished>(event) || std::holds_alternative<Failed>(event);
}

}  // namespace hearth::domain
