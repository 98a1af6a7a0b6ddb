#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/guarded.hpp"
#include "engine/core/token_model.hpp"
#include "engine/testing/test_vocab.hpp"

namespace hearth::engine::testing {

struct TestModelOptions {
  std::int32_t sequences = 16;
  std::int32_t batch_tokens = 64;
  std::int32_t kv_cells = 4096;  // 0 = keeps none
  std::int32_t context_tokens = 512;
  std::int32_t embedding_dimensions = 16;
  bool shares_prefixes = true;
  std::string state_key = "test";  // empty: of no use elsewhere
  bool strict_template = false;    // the first message after system messages must be the user's
  std::vector<std::string> template_stops;
  std::vector<std::string> labels;  // of a head, which it has if it can rerank or classify; without labels one output
  domain::TaskSet tasks{domain::Task::kChat, domain::Task::kComplete, domain::Task::kEmbed};
  // How answers of chats are read; none: they are all text.
  std::function<Result<chat::SharedAnswerFormat>(const domain::ChatRequest&)> format;
};

// The test's hand on a model that an engine owns.
struct TestControl {
  // Called at the beginning of each decode and embed (n counts both from 1): may block, call the engine, or return a
  // fault. kOk: evaluate. Set before the engine steps.
  std::function<core::DecodeStatus(std::uint64_t n, std::span<const core::BatchToken> batch)> on_batch;
  std::atomic<std::uint64_t> batches = 0;
  std::atomic<std::uint64_t> tokens = 0;  // evaluated
  std::atomic<std::uint64_t> interrupts = 0;
  std::atomic<std::int32_t> cells_used = 0;
  base::Guarded<std::vector<std::string>> misuse;  // each call that broke TokenModel's contract; must stay empty

  [[nodiscard]] std::vector<std::string> misuses() const {
    return misuse.with([](const auto& all) { return all; });
  }
};

// A deterministic model without weights. Its logits are a hash of all that the KV cache really holds for the sequence,
// so a wrong reuse, position or order changes the answer. A prompt that contains "<<text>>" is answered by exactly
// `text`, byte by byte, and the end token (in a chat too). Otherwise the answer is noise, mostly letters.
class TestModel final : public core::TokenModel {
 public:
  explicit TestModel(TestModelOptions options, std::shared_ptr<TestControl> control = nullptr);
  ~TestModel() override;
  // The prompt that makes the model say `text`.
  [[nodiscard]] static std::string prompt_for(std::string_view text) { return "say <<" + std::string(text) + ">>"; }

  [[nodiscard]] const ModelInfo& info() const override { return info_; }
  [[nodiscard]] const core::Vocab& vocab() const override { return vocab_; }
  [[nodiscard]] Result<core::RenderedChat> render(const domain::ChatRequest& chat) const override;
  [[nodiscard]] Result<chat::SharedAnswerFormat> answer_format(const domain::ChatRequest& chat) const override {
    return options_.format ? options_.format(chat) : chat::SharedAnswerFormat();
  }
  [[nodiscard]] core::PairPrompt pair(std::string_view first, std::string_view second) const override;
  [[nodiscard]] std::int32_t sequences_max() const override { return options_.sequences; }
  [[nodiscard]] std::int32_t batch_tokens_max() const override { return options_.batch_tokens; }
  [[nodiscard]] std::int32_t kv_cells() const override { return options_.kv_cells; }
  [[nodiscard]] bool can_share_prefixes() const override { return options_.shares_prefixes; }
  [[nodiscard]] core::DecodeStatus decode(std::span<const core::BatchToken> batch) override;
  [[nodiscard]] std::span<float> logits(std::size_t index) override;
  [[nodiscard]] core::DecodeStatus embed(std::span<const core::BatchToken> batch,
                                         std::optional<domain::Pooling> pooling) override;
  [[nodiscard]] std::span<const float> embedding(core::SequenceId sequence) override;
  bool remove(core::SequenceId sequence, core::Position from, core::Position to) override;
  void copy(core::SequenceId from, core::SequenceId to, core::Position end) override;
  [[nodiscard]] std::string state_key() const override { return options_.state_key; }
  [[nodiscard]] std::size_t state_bytes(core::SequenceId sequence, core::StatePart part) override;
  [[nodiscard]] bool save(core::SequenceId sequence, core::StatePart part, std::string& out) override;
  [[nodiscard]] bool restore(core::SequenceId sequence, core::StatePart part, std::string_view state,
                             core::Position length) override;
  void interrupt() override;
  void clear_interrupt() override { interrupted_ = false; }

 private:
  struct Cell {
    domain::Token token = 0;
    std::uint64_t history = 0;  // hash of all tokens up to this one
  };
  using Cells = std::vector<std::shared_ptr<const Cell>>;  // shared: copy() shares cells, as a real cache does
  void broken(std::string what);
  [[nodiscard]] core::DecodeStatus begin(std::span<const core::BatchToken> batch, std::size_t most);
  bool is_known(const core::BatchToken& token);
  // Whether a token may come there; `length`: of its sequence so far.
  bool follows(const core::BatchToken& token, std::size_t length);
  bool store(const core::BatchToken& token);
  void add_cell(Cells& cells, domain::Token token);
  struct Text {
    std::size_t length = 0;
    std::uint64_t history = 1;
    std::vector<float> values;
  };
  void add_vector(Text& text, bool second, domain::Pooling pooling) const;
  void write_logits(const Cells& cells, std::span<float> row) const;
  [[nodiscard]] domain::Token scripted(const Cells& cells) const;

  TestModelOptions options_;
  std::shared_ptr<TestControl> control_;  // shared with the test
  ModelInfo info_;
  TestVocab vocab_;
  std::vector<Cells> sequences_;
  std::vector<std::vector<float>> rows_;  // by batch index; empty without output
  std::vector<Text> texts_;               // of the last embed(), by sequence
  std::atomic<bool> interrupted_ = false;
};

}  // namespace hearth::engine::testing
