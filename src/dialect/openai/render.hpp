#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
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

struct ResponsesStyle {
  Edge edge;
  std::string model;  // as asked for
  bool logprobs = false;
  bool hide_thinking = false;
  std::vector<std::pair<std::string, std::string>> echo;  // fields of the request that the answer repeats, as JSON
};
[[nodiscard]] std::unique_ptr<Renderer> responses_renderer(ResponsesStyle style);
[[nodiscard]] std::unique_ptr<Renderer> input_tokens_renderer();
[[nodiscard]] std::unique_ptr<Renderer> completion_renderer(Style style);
[[nodiscard]] std::unique_ptr<Renderer> infill_renderer(Style style);
[[nodiscard]] std::unique_ptr<Renderer> embeddings_renderer(Style style);
[[nodiscard]] std::unique_ptr<Renderer> embedding_rows_renderer();
[[nodiscard]] std::unique_ptr<Renderer> rerank_renderer(Style style);
[[nodiscard]] std::unique_ptr<Renderer> tokenize_renderer(Style style);
[[nodiscard]] std::unique_ptr<Renderer> detokenize_renderer();
[[nodiscard]] std::unique_ptr<Renderer> template_renderer();

// What the "code" of an error says.
[[nodiscard]] std::string_view error_name(ErrorCode code);
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

// Clients parse the arguments of a call, of one without any too.
inline constexpr std::string_view kNoArguments = "{}";

// "usage": {...}
void write_usage(json::Writer& w, const domain::Usage& usage);
[[nodiscard]] std::string_view fingerprint();

}  // namespace hearth::dialect::openai
