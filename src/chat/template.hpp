#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "chat/format/answer_format.hpp"
#include "domain/request.hpp"

namespace hearth::chat {

struct RenderedPrompt {
  std::string prompt;
  std::vector<std::string> stops;  // further stop strings that the template asks for
};

// What the prompt ends with.
enum class Ending {
  kAuto,    // the start of the next answer; a last message of the assistant is continued instead
  kAnswer,  // the start of the next answer, whatever the last message is
  kClosed,  // nothing: the conversation as it stands
};

// A chat template, in jinja or in Go's template language as Ollama's models have it (docs/store.md), parsed once. Which
// of the two is seen from its text. Rendering is thread-safe and allocates only for itself.
// Roles, tools, tool calls, tool results and thinking of the history are passed to the template; of other parts only
// text is supported, the rest is kUnsupported. Tools that may not be called (tool_choice none) are not shown to the
// model.
class ChatTemplate {
 public:
  // An empty `source` gives ChatML, the format that llama.cpp assumes for a model without a template (is_default()
  // tells). `bos` and `eos` are the texts of the model's tokens, which jinja templates put into the prompt themselves.
  // kModelLoadFailed: not a template; the message has the parser's complaint.
  [[nodiscard]] static Result<ChatTemplate> create(std::string source, std::string bos, std::string eos);

  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;
  ~ChatTemplate();

  // kInvalidRequest with the template's complaint if it refuses the conversation; kUnsupported for what it cannot
  // express; one in Go's language knows no kClosed, and always continues an answer that stands last. `now` is what the
  // template's date functions see.
  [[nodiscard]] Result<RenderedPrompt> render(
      const domain::ChatRequest& request, Ending ending = Ending::kAuto,
      std::chrono::system_clock::time_point now = std::chrono::system_clock::now()) const;

  // How the answer to that prompt is to be read; null: it is all text. kUnsupported: tools are offered and their calls
  // could not be told from text. kInvalidRequest names a tool whose schema cannot be used.
  [[nodiscard]] Result<SharedAnswerFormat> format(const domain::ChatRequest& request) const;

  [[nodiscard]] bool is_default() const;
  [[nodiscard]] const std::string& source() const;  // as used: ChatML's for an empty one
  [[nodiscard]] bool shows_tools() const;           // whether the template tells the model about tools
  [[nodiscard]] bool reads_tools() const;           // whether format() can tell calls from text
  [[nodiscard]] bool reads_thinking() const;        // whether the model thinks, and format() can tell that from text

 private:
  struct Impl;
  explicit ChatTemplate(std::unique_ptr<const Impl> impl);
  std::unique_ptr<const Impl> impl_;
};

}  // namespace hearth::chat
