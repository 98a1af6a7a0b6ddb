#pragma once

#include <atomic>
#include <llama.h>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/guarded.hpp"
#include "base/log.hpp"
#include "chat/template.hpp"
#include "engine/core/token_model.hpp"
#include "engine/llama/llama_batch.hpp"
#include "engine/llama/llama_embedder.hpp"
#include "engine/llama/llama_handles.hpp"
#include "engine/llama/llama_log.hpp"
#include "engine/llama/llama_vocab.hpp"
#include "engine/llama/pair_format.hpp"

namespace hearth::engine::llama {

// What the loader found out and made. Members are destroyed from the last to the first.
struct LlamaParts {
  std::unique_ptr<LogRoute> route;
  ModelHandle model;
  ThreadpoolHandle threadpool;
  std::unique_ptr<std::atomic<bool>> interrupted;
  ContextHandle context;  // none: the model only embeds
  std::optional<chat::ChatTemplate> chat;
  std::optional<chat::ChatTemplate> chat_with_tools;  // where the file has one of its own for tools
  std::string chat_error;                             // why there is no chat template
  ModelInfo info;
  std::string path;
  std::string cache_layout;  // types of the KV cache and what else changes its bytes
  EmbedderOptions embedding;
  std::optional<PairFormat> pair_format;  // of a model with a head
  bool pair_types = false;                // it tells the second text of a pair from the first
  std::optional<Embedder> embedder;       // of a generating model made when first needed and kept
  std::int32_t sequences_max = 0;
  std::int32_t batch_tokens = 0;
  std::int32_t outputs_max = 0;  // rows of logits that one llama_decode can give
  std::int32_t threads = 1;
};

// A TokenModel over llama.h. llama.cpp asserts (and so aborts the process) on misuse, therefore every argument is
// checked here.
class LlamaTokenModel final : public core::TokenModel {
 public:
  LlamaTokenModel(LlamaParts parts, base::Log& log);

  [[nodiscard]] const ModelInfo& info() const override { return parts_.info; }
  [[nodiscard]] const core::Vocab& vocab() const override { return vocab_; }
  [[nodiscard]] Result<core::RenderedChat> render(const domain::ChatRequest& chat) const override;
  [[nodiscard]] Result<chat::SharedAnswerFormat> answer_format(const domain::ChatRequest& chat) const override;

  [[nodiscard]] core::PairPrompt pair(std::string_view first, std::string_view second) const override;

  [[nodiscard]] std::int32_t sequences_max() const override { return parts_.sequences_max; }
  [[nodiscard]] std::int32_t batch_tokens_max() const override { return parts_.batch_tokens; }
  [[nodiscard]] std::int32_t kv_cells() const override;
  [[nodiscard]] std::int32_t idle_cells_max() const override { return idle_cells_max_; }
  [[nodiscard]] bool can_share_prefixes() const override { return can_share_; }

  [[nodiscard]] core::DecodeStatus decode(std::span<const core::BatchToken> batch) override;
  [[nodiscard]] std::span<float> logits(std::size_t index) override;
  [[nodiscard]] core::DecodeStatus embed(std::span<const core::BatchToken> batch,
                                         std::optional<domain::Pooling> pooling) override;
  [[nodiscard]] std::span<const float> embedding(core::SequenceId sequence) override;

  bool remove(core::SequenceId sequence, core::Position from, core::Position to) override;
  void copy(core::SequenceId from, core::SequenceId to, core::Position end) override;
  [[nodiscard]] std::string state_key() const override;
  [[nodiscard]] std::size_t state_bytes(core::SequenceId sequence, core::StatePart part) override;
  [[nodiscard]] bool save(core::SequenceId sequence, core::StatePart part, std::string& out) override;
  [[nodiscard]] bool restore(core::SequenceId sequence, core::StatePart part, std::string_view state,
                             core::Position length) override;
  void interrupt() override { parts_.interrupted->store(true, std::memory_order_relaxed); }
  void clear_interrupt() override { parts_.interrupted->store(false, std::memory_order_relaxed); }

 private:
  using SharedTemplate = std::shared_ptr<const chat::ChatTemplate>;  // readers may outlive the cache's entry

  [[nodiscard]] bool is_sequence(core::SequenceId id) const { return id >= 0 && id < parts_.sequences_max; }
  [[nodiscard]] bool is_valid(std::span<const core::BatchToken> batch) const;
  [[nodiscard]] bool has_whole_sequences(std::span<const core::BatchToken> batch) const;
  core::DecodeStatus decode_part(std::span<const core::BatchToken> part);
  core::DecodeStatus decode_in_parts(std::span<const core::BatchToken> batch);
  void undo(std::span<const core::BatchToken> batch);
  void choose_threads(std::size_t tokens);
  [[nodiscard]] Result<SharedTemplate> override_template(const std::string& source) const;
  [[nodiscard]] const chat::ChatTemplate& own_template(const domain::ChatRequest& chat) const;

  LlamaParts parts_;
  LlamaVocab vocab_;
  base::Log* log_;
  llama_memory_t memory_ = nullptr;
  bool can_share_ = false;
  std::int32_t idle_cells_max_ = 0;
  LlamaBatch batch_;
  std::vector<bool> has_output_;    // [batch] of the last decode
  std::vector<float*> saved_rows_;  // [batch] if it took several calls: their rows, kept in saved_
  std::vector<std::vector<float>> saved_;
  mutable base::Guarded<std::pair<std::string, SharedTemplate>> last_override_;
};

}  // namespace hearth::engine::llama
