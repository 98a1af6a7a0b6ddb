#pragma once

#include <memory>
#include <string>
#include <vector>

#include "dialect/dialect.hpp"
#include "domain/event.hpp"
#include "json/writer.hpp"

// The renderers of this folder and what they share. Private to this folder.
namespace hearth::dialect::openai {

struct Style {
  Edge edge;
  std::string model;  // as asked for
  bool include_usage = false;
  bool logprobs = false;
  bool top_logprobs = false;           // completions: whether alternatives were asked for
  bool old_functions = false;          // chat: answer with function_call
  bool hide_thinking = false;          // chat: reasoning is not to be shown
  bool base64 = false;                 // embeddings
  bool with_pieces = false;            // tokenize
  std::vector<std::string> documents;  // rerank: to be returned; none = they are not
};
[[nodiscard]] std::unique_ptr<Renderer> chat_renderer(Style style);
[[nodiscard]] std::unique_ptr<Renderer> completion_renderer(Style style);
[[nodiscard]] std::unique_ptr<Renderer> embeddings_renderer(Style style);
[[nodiscard]] std::unique_ptr<Renderer> embedding_rows_renderer();
[[nodiscard]] std::unique_ptr<Renderer> rerank_renderer(Style style);
[[nodiscard]] std::unique_ptr<Renderer> tokenize_renderer(Style style);
[[nodiscard]] std::unique_ptr<Renderer> detokenize_renderer();
[[nodiscard]] std::unique_ptr<Renderer> template_renderer();

[[nodiscard]] Frame error_frame(const Error& error);
[[nodiscard]] inline Frame done_frame() { return {.event = {}, .data = "[DONE]"}; }

// Answers that are never streamed; a failure still has its frame.
class UnaryRenderer : public Renderer {
 public:
  std::vector<Frame> frames(const domain::Event& event) final {
    if (const auto* failed = std::get_if<domain::Failed>(&event)) return {error_frame(failed->error)};
    return {};
  }
};

// "usage": {...}
void write_usage(json::Writer& w, const domain::Usage& usage);
[[nodiscard]] std::string_view fingerprint();

}  // namespace hearth::dialect::openai
