#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "chat/format/answer_format.hpp"
#include "engine/core/vocab.hpp"
#include "engine/engine.hpp"

namespace hearth::engine::core {

using Position = std::int32_t;
using SequenceId = std::int32_t;

// Rows of logits are large: prompts that are scored ask for so many a step, if not more sequences run. Models keep room
// for as many, and store/memory_estimate.cpp counts them.
inline constexpr std::int32_t kOutputRows = 32;

struct BatchToken {
  domain::Token token = 0;
  Position position = 0;
  SequenceId sequence = 0;
  bool output = false;  // logits (or the pooled embedding) are wanted here
  bool second = false;  // it belongs to the second text of a pair
};
// Two texts as one sequence.
struct PairPrompt {
  domain::Tokens tokens;
  std::int32_t second = -1;  // where the second text begins; -1: the model makes no difference between them
};
enum class DecodeStatus {
  kOk,
  kNoSpace,   // the KV cache has no room for this batch; nothing was evaluated
  kNoMemory,  // of embed: what the model needs for that cannot be had now; nothing was evaluated
  kAborted,   // interrupt() was called; part of the batch may be in the cache
  kFailed,    // the model is unusable
};

// What of a sequence's state is saved.
enum class StatePart {
  kWhole,      // all that the sequence needs to go on
  kUncuttable  // only what cannot be cut back to fewer tokens: recurrent state, the cells of a sliding window
};

struct RenderedChat {
  std::string prompt;
  std::vector<std::string> stops;  // further stop strings that the template asks for
};

// What a scheduler needs of a token model: the seam between engine/core (one loop for all) and an engine (llama,
// openvino). decode, logits, embed, embedding, remove, copy, states: engine thread only. The rest is thread-safe.
class TokenModel {
 public:
  virtual ~TokenModel() = default;
  [[nodiscard]] virtual const ModelInfo& info() const = 0;
  [[nodiscard]] virtual const Vocab& vocab() const = 0;
  // The prompt text of a conversation, by the model's template or the request's own.
  [[nodiscard]] virtual Result<RenderedChat> render(const domain::ChatRequest& chat) const = 0;

  // How the answer to that prompt is to be read; null: it is all text. Errors as of chat::ChatTemplate::format.
  [[nodiscard]] virtual Result<chat::SharedAnswerFormat> answer_format(const domain::ChatRequest&) const {
    return chat::SharedAnswerFormat();
  }
  // What a model that ranks wants of a query and a document, a classifier of two texts. Thread-safe.
  // REQUIRES: Task::kRerank or Task::kClassify.
  [[nodiscard]] virtual PairPrompt pair(std::string_view first, std::string_view second) const = 0;

  [[nodiscard]] virtual std::int32_t sequences_max() const = 0;     // ids are 0 .. max-1
  [[nodiscard]] virtual std::int32_t batch_tokens_max() const = 0;  // of one decode
  [[nodiscard]] virtual std::int32_t kv_cells() const = 0;          // shared by all sequences; 0 = the model keeps none
  // How many cells sequences that nobody runs may keep. In one pool each running token attends over all used cells, so
  // what is kept for later costs everybody a little now. The sequence used last is kept in any case.
  [[nodiscard]] virtual std::int32_t idle_cells_max() const { return kv_cells(); }
  // Whether a cached sequence may be cut at any position and shared in part (false: recurrent and sliding-window
  // models).
  [[nodiscard]] virtual bool can_share_prefixes() const = 0;

  [[nodiscard]] virtual DecodeStatus decode(std::span<const BatchToken> batch) = 0;
  // After a decode that was kOk: the row of `batch[index]`, which had `output`. Valid until the next decode; may be
  // modified.
  [[nodiscard]] virtual std::span<float> logits(std::size_t index) = 0;  // [vocab]
  // Evaluates whole sequences, each up to the context's length (batch_tokens_max does not bind here; the caller keeps
  // batches of several sequences below it). Their ids are of this batch alone: what decode() keeps is left as it is.
  // `pooling`: none = as the model says. embedding: of a sequence of the last embed(), not normalised; of a model that
  // ranks or classifies, what its head gives.
  [[nodiscard]] virtual DecodeStatus embed(std::span<const BatchToken> batch,
                                           std::optional<domain::Pooling> pooling) = 0;
  // [dim]; with Pooling::kNone [tokens, dim]; of a head [outputs]
  [[nodiscard]] virtual std::span<const float> embedding(SequenceId sequence) = 0;

  // Forgets positions [from, to) of a sequence; to = -1: the end. false: this model cannot cut there (remove all
  // instead).
  virtual bool remove(SequenceId sequence, Position from, Position to) = 0;
  // `to` shares positions [0, end) of `from`. REQUIRES: can_share_prefixes(), `to` empty.
  virtual void copy(SequenceId from, SequenceId to, Position end) = 0;

  // States of sequences, for a cache outside the KV cache. Whatever changes the meaning of a saved state, as text:
  // engine and its version, the model's digest, types and layout of the cache. Empty: only this process can use them.
  [[nodiscard]] virtual std::string state_key() const { return {}; }
  [[nodiscard]] virtual std::size_t state_bytes(SequenceId, StatePart) { return 0; }
  // Replaces `out`. false: that did not work.
  [[nodiscard]] virtual bool save(SequenceId, StatePart, std::string& /*out*/) { return false; }
  // The sequence holds what it held when this state was saved after its first `length` tokens. kUncuttable takes it
  // back to that. REQUIRES: kWhole: it is empty; kUncuttable: it begins with these tokens. false: it did not work, and
  // the sequence is to be removed.
  [[nodiscard]] virtual bool restore(SequenceId, StatePart, std::string_view /*state*/, Position /*length*/) {
    return false;
  }
  // Any thread: decode and embed return kAborted, the one that runs soon, and those that begin later at once, until
  // clear_interrupt.
  virtual void interrupt() = 0;
  virtual void clear_interrupt() = 0;
};

}  // namespace hearth::engine::core
