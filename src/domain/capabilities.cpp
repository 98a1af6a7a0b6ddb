#include "domain/capabilities.hpp"

#include <array>
#include <fmt/format.h>
#include <utility>

#include "base/result.hpp"

namespace hearth::domain {
namespace {

constexpr std::array kTaskNames{
    std::pair{Task::kChat, "chat"},
    std::pair{Task::kComplete, "complete"},
    std::pair{Task::kInfill, "infill"},
    std::pair{Task::kEmbed, "embed"},
    std::pair{Task::kRerank, "rerank"},
    std::pair{Task::kClassify, "classify"},
    std::pair{Task::kTranscribe, "transcribe"},
    std::pair{Task::kSpeak, "speak"},
    std::pair{Task::kImageIn, "image-in"},
    std::pair{Task::kImageOut, "image-out"},
    std::pair{Task::kAudioOut, "audio-out"},
    std::pair{Task::kTensor, "tensor"},
    std::pair{Task::kTools, "tools"},
    std::pair{Task::kGrammar, "grammar"},
    std::pair{Task::kThinking, "thinking"},
};

constexpr auto kTasks = [] {
  std::array<Task, kTaskNames.size()> out{};
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = kTaskNames[i].first;
  return out;
}();

std::unexpected<Error> unsupported(const Envelope& envelope, std::string_view what, std::string param) {
  return fail(ErrorCode::kUnsupported, fmt::format("model '{}' does not support {}", envelope.model, what),
              std::move(param));
}

struct Check {
  const Capabilities& can;

  Result<void> format(const Envelope& envelope, const ResponseFormat& wanted) const {
    if (wanted.kind == ResponseFormat::Kind::kText || can.tasks.has(Task::kGrammar)) return {};
    return unsupported(envelope, "structured output (a response format other than text)", wanted.field);
  }

  Result<void> operator()(const ChatRequest& r) const {
    if (!can.tasks.has(Task::kChat)) return unsupported(r.envelope, "chat", "model");
    // What a template of the request's own can do is seen when it is used.
    if (!r.tools.empty() && r.tool_choice.mode != ToolChoice::Mode::kNone && !can.tasks.has(Task::kTools) &&
        r.template_override.empty())
      return unsupported(r.envelope, "tools", "tools");
    for (std::size_t i = 0; i < r.messages.size(); ++i) {
      for (const auto& part : r.messages[i].parts) {
        auto path = fmt::format("messages[{}].content", i);
        if (std::holds_alternative<ImagePart>(part) && !can.tasks.has(Task::kImageIn))
          return unsupported(r.envelope, "images", std::move(path));
        if (std::holds_alternative<AudioPart>(part)) return unsupported(r.envelope, "audio", std::move(path));
        if (std::holds_alternative<FilePart>(part)) return unsupported(r.envelope, "files", std::move(path));
      }
    }
    return format(r.envelope, r.response_format);
  }
  Result<void> operator()(const CompletionRequest& r) const {
    if (!can.tasks.has(Task::kComplete)) return unsupported(r.envelope, "completion", "model");
    if (r.infill && !can.tasks.has(Task::kInfill))
      return unsupported(r.envelope, "insert (its vocabulary has no tokens to fill in the middle of a text)", "suffix");
    if (r.echo && r.generation.logprobs && r.infill)
      return unsupported(r.envelope, "echo with logprobs together with a suffix", "echo");
    return format(r.envelope, r.response_format);
  }
  Result<void> operator()(const EmbedRequest& r) const {
    if (!can.tasks.has(Task::kEmbed)) return unsupported(r.envelope, "embeddings", "model");
    if (r.dimensions && (*r.dimensions < 1 || *r.dimensions > can.embedding_dimensions))
      return fail(ErrorCode::kInvalidRequest,
                  fmt::format("dimensions is {}; model '{}' has 1 to {}", *r.dimensions, r.envelope.model,
                              can.embedding_dimensions),
                  "dimensions");
    return {};
  }
  Result<void> operator()(const RerankRequest& r) const {
    if (!can.tasks.has(Task::kRerank))
      return unsupported(r.envelope, "reranking; name a model that was trained to rerank", "model");
    return {};
  }
  Result<void> operator()(const ClassifyRequest& r) const {
    if (!can.tasks.has(Task::kClassify))
      return unsupported(r.envelope, "classification; name a model with a classifier's head", "model");
    return {};
  }
  Result<void> operator()(const RenderRequest& r) const {
    if (!can.tasks.has(Task::kChat)) return unsupported(r.chat.envelope, "chat", "model");
    return {};
  }
  Result<void> operator()(const TokenizeRequest&) const { return {}; }
  Result<void> operator()(const DetokenizeRequest&) const { return {}; }
};

}  // namespace

std::string_view to_string(Task task) {
  for (const auto& [t, name] : kTaskNames) {
    if (t == task) return name;
  }
  return "unknown";
}

std::string_view task_name(TaskSet tasks) {
  if (tasks.has(Task::kComplete)) return "text-generation";
  if (tasks.has(Task::kEmbed)) return "feature-extraction";
  if (tasks.has(Task::kRerank)) return "text-ranking";
  if (tasks.has(Task::kClassify)) return "text-classification";
  if (tasks.has(Task::kTranscribe)) return "automatic-speech-recognition";
  return "";
}

std::span<const Task> all_tasks() { return kTasks; }

Result<void> check_supported(const Request& request, const Capabilities& capabilities) {
  return std::visit(Check{capabilities}, request);
}

}  // namespace hearth::domain
