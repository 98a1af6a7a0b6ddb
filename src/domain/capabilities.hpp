#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "domain/request.hpp"

namespace hearth::domain {

enum class Task : std::uint16_t {
  kChat = 1 << 0,
  kComplete = 1 << 1,
  kInfill = 1 << 2,
  kEmbed = 1 << 3,
  kRerank = 1 << 4,
  kClassify = 1 << 5,
  kTranscribe = 1 << 6,
  kSpeak = 1 << 7,
  kImageIn = 1 << 8,
  kImageOut = 1 << 9,
  kAudioOut = 1 << 10,
  kTensor = 1 << 11,
  kTools = 1 << 12,
  kGrammar = 1 << 13,  // response formats other than text
  kThinking = 1 << 14,
};
class TaskSet {
 public:
  constexpr TaskSet() = default;
  constexpr TaskSet(std::initializer_list<Task> tasks) {
    for (const Task t : tasks) add(t);
  }
  constexpr void add(Task t) { bits_ = static_cast<std::uint16_t>(bits_ | static_cast<std::uint16_t>(t)); }
  [[nodiscard]] constexpr bool has(Task t) const { return (bits_ & static_cast<std::uint16_t>(t)) != 0; }
  friend bool operator==(const TaskSet&, const TaskSet&) = default;

 private:
  std::uint16_t bits_ = 0;
};
[[nodiscard]] std::string_view to_string(Task task);
[[nodiscard]] std::span<const Task> all_tasks();
// The one word that registries and hubs have for what a model is for: "text-generation", "feature-extraction",
// "text-ranking", "text-classification", "automatic-speech-recognition"; empty for anything else.
[[nodiscard]] std::string_view task_name(TaskSet tasks);

// What a loaded model or a remote can do: data, never dynamic_cast.
struct Capabilities {
  TaskSet tasks;
  std::int32_t context_tokens = 0;  // per conversation, as loaded
  std::int32_t trained_context_tokens = 0;
  std::int32_t embedding_dimensions = 0;
  std::int32_t vocabulary = 0;
  std::int32_t slots = 0;  // sequences that run at once
  std::string device;
  std::string format;  // "gguf"
  std::string architecture;
  std::vector<std::string> labels;  // of what it classifies, in the order of its outputs; empty = it names none
  friend bool operator==(const Capabilities&, const Capabilities&) = default;
};

// kUnsupported naming the field, if `request` asks for something outside `capabilities`; nothing otherwise.
[[nodiscard]] Result<void> check_supported(const Request& request, const Capabilities& capabilities);

}  // namespace hearth::domain
