#pragma once

#include <algorithm>
#include <filesystem>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "engine/llama/llama_model.hpp"

namespace hearth::engine::llama::test_support {

inline const std::string kStories = HEARTH_SHARED_DIR "/models/stories260K.gguf";
inline bool has_stories() { return std::filesystem::exists(kStories); }

// Keeps what was logged.
class MemoryLog final : public base::Log {
 public:
  [[nodiscard]] bool enabled(base::LogLevel level) const override { return level != base::LogLevel::kDebug; }
  void write(base::LogLevel, std::string_view line) override {
    const std::scoped_lock lock(mutex_);
    text_ += std::string(line) + "\n";
  }
  [[nodiscard]] std::string text() const {
    const std::scoped_lock lock(mutex_);
    return text_;
  }

 private:
  mutable std::mutex mutex_;
  std::string text_;
};

inline std::unique_ptr<core::TokenModel> load(LlamaOptions options, base::Log& log) {
  if (options.path.empty()) options.path = kStories;
  if (options.threads == 0) options.threads = 1;  // threads that wait for each other are slow beside other tests
  auto model = load_llama_model(std::move(options), log);
  if (!model) throw std::runtime_error(model.error().message);
  return *std::move(model);
}

// Tokens at consecutive positions of one sequence; the last one has output.
inline std::vector<core::BatchToken> batch_of(const domain::Tokens& tokens, core::SequenceId sequence,
                                              core::Position from = 0) {
  std::vector<core::BatchToken> batch;
  for (std::size_t i = 0; i < tokens.size(); ++i)
    batch.push_back({tokens[i], from + static_cast<core::Position>(i), sequence, i + 1 == tokens.size()});
  return batch;
}

inline domain::Token best(std::span<const float> row) {
  return static_cast<domain::Token>(std::max_element(row.begin(), row.end()) - row.begin());
}

// The most probable continuation of `prompt`, which becomes the content of `sequence` from `from` on.
inline domain::Tokens greedy(core::TokenModel& model, const domain::Tokens& prompt, core::SequenceId sequence,
                             int count, core::Position from = 0) {
  domain::Tokens out;
  auto batch = batch_of(prompt, sequence, from);
  auto position = from + static_cast<core::Position>(prompt.size());
  for (int i = 0; i < count; ++i, ++position) {
    if (model.decode(batch) != core::DecodeStatus::kOk) throw std::runtime_error("decode failed");
    out.push_back(best(model.logits(batch.size() - 1)));
    batch = batch_of({out.back()}, sequence, position);
  }
  return out;
}

}  // namespace hearth::engine::llama::test_support
