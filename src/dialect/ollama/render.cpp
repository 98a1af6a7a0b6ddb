#include "dialect/ollama/render.hpp"

#include <map>
#include <span>
#include <utility>

#include "dialect/common/parse.hpp"
#include "dialect/common/render.hpp"
#include "dialect/ollama/ollama.hpp"

namespace hearth::dialect::ollama {
namespace {

using domain::BlockKind;
using json::Writer;

std::string_view reason_name(domain::FinishReason reason) {
  using enum domain::FinishReason;
  switch (reason) {
    case kStop:
    case kToolCalls: return "stop";
    case kLength: return "length";
    case kContentFilter: return "content_filter";
  }
  return "stop";
}

// What one line (or the whole answer) says of the model's words.
struct Piece {
  std::string_view text;
  std::string_view thinking;
  std::string tool_calls;  // the elements of the array
};

void write_piece(Writer& w, const Piece& piece, bool chat) {
  if (chat)
    w.key("message").begin_object().field("role", "assistant").field("content", piece.text);
  else
    w.field("response", piece.text);
  if (!piece.thinking.empty()) w.field("thinking", piece.thinking);
  if (!piece.tool_calls.empty()) w.key("tool_calls").raw("[" + piece.tool_calls + "]");
  if (chat) w.end_object();
}

class GenerateRenderer final : public Renderer {
 public:
  explicit GenerateRenderer(Style style) : style_(std::move(style)), began_(common::steady(style_.edge)) {}

  std::string body(const domain::Answer& answer) override;
  std::vector<Frame> frames(const domain::Event& event) override {
    std::vector<Frame> out;
    std::visit([&](const auto& e) { add(out, e); }, event);
    return out;
  }

 private:
  // Only choice 0 exists in this dialect.
  void add(std::vector<Frame>&, const domain::Started& e) { model_ = common::model_of(e, style_.model); }
  void add(std::vector<Frame>&, const domain::BlockOpened& e) {
    if (e.choice == 0) blocks_[e.index] = {.kind = e.kind, .tool_id = e.tool_id, .tool_name = e.tool_name};
  }
  void add(std::vector<Frame>& out, const domain::Delta& e);
  void add(std::vector<Frame>& out, const domain::BlockClosed& e) {
    if (e.choice == 0) flush_tool(out, e.index);
  }
  void add(std::vector<Frame>& out, const domain::ChoiceFinished& e) {
    if (e.choice != 0) return;
    reason_ = e.reason;
    while (!blocks_.empty()) flush_tool(out, blocks_.begin()->first);
  }
  void add(std::vector<Frame>& out, const domain::Finished& e) {
    Writer w;
    write_head(w, model_);
    write_piece(w, {}, style_.chat);
    write_end(w, reason_, {}, e.usage, e.timings);
    out.push_back({.event = {}, .data = std::move(w).take()});
  }
  void add(std::vector<Frame>& out, const domain::Failed& e) { out.push_back(error_frame(e.error)); }
  void add(std::vector<Frame>&, const auto&) {}

  void flush_tool(std::vector<Frame>& out, std::int32_t index);
  [[nodiscard]] Frame line(const Piece& piece, std::span<const domain::TokenLogprob> logprobs = {}) const;
  void write_head(Writer& w, std::string_view model) const {
    w.begin_object().field("model", model).field("created_at", base::rfc3339(common::wall(style_.edge)));
  }
  void write_end(Writer& w, domain::FinishReason reason, std::span<const domain::TokenLogprob> logprobs,
                 const domain::Usage& usage, const domain::Timings& timings) const;
  [[nodiscard]] std::string tool_call(const domain::Block& block, std::int32_t place, std::int32_t index) const;

  Style style_;
  base::SteadyTime began_;
  std::string model_{style_.model};
  std::map<std::int32_t, domain::Block> blocks_;  // open ones
  std::int32_t tools_ = 0;
  domain::FinishReason reason_ = domain::FinishReason::kStop;
};

std::string GenerateRenderer::tool_call(const domain::Block& block, std::int32_t place, std::int32_t index) const {
  Writer w;
  w.begin_object()
      .field("id", common::tool_id(block.tool_id, "call_", style_.edge, 0, index))
      .key("function")
      .begin_object();
  w.field("index", place).field("name", block.tool_name).key("arguments").raw(common::repaired_arguments(block.text));
  w.end_object().end_object();
  return std::move(w).take();
}

Frame GenerateRenderer::line(const Piece& piece, std::span<const domain::TokenLogprob> logprobs) const {
  Writer w;
  write_head(w, model_);
  write_piece(w, piece, style_.chat);
  w.field("done", false);
  if (!logprobs.empty()) {
    w.key("logprobs");
    common::write_logprobs(w, logprobs);
  }
  w.end_object();
  return {.event = {}, .data = std::move(w).take()};
}

void GenerateRenderer::add(std::vector<Frame>& out, const domain::Delta& e) {
  if (e.choice != 0) return;
  domain::Block& block = blocks_[e.index];
  const std::span<const domain::TokenLogprob> logprobs =
      style_.logprobs ? std::span<const domain::TokenLogprob>(e.logprobs) : std::span<const domain::TokenLogprob>();
  Piece piece;
  switch (block.kind) {
    case BlockKind::kText:
    case BlockKind::kRefusal: piece.text = e.text; break;
    case BlockKind::kThinking: piece.thinking = e.text; break;
    case BlockKind::kToolCall: block.text += e.text; break;  // a call goes out whole, at its end
  }
  if (piece.text.empty() && piece.thinking.empty() && logprobs.empty()) return;
  out.push_back(line(piece, logprobs));
}

void GenerateRenderer::flush_tool(std::vector<Frame>& out, std::int32_t index) {
  const auto at = blocks_.find(index);
  if (at == blocks_.end()) return;
  if (at->second.kind == BlockKind::kToolCall)
    out.push_back(line({.tool_calls = tool_call(at->second, tools_++, index)}));
  blocks_.erase(at);
}

void GenerateRenderer::write_end(Writer& w, domain::FinishReason reason, std::span<const domain::TokenLogprob> logprobs,
                                 const domain::Usage& usage, const domain::Timings& timings) const {
  w.field("done", true).field("done_reason", reason_name(reason));
  if (!logprobs.empty()) {
    w.key("logprobs");
    common::write_logprobs(w, logprobs);
  }
  write_duration(w, "total_duration", common::steady(style_.edge) - began_);
  write_duration(w, "load_duration", timings.loaded);
  write_count(w, "prompt_eval_count", usage.prompt);
  write_duration(w, "prompt_eval_duration", timings.prompt);
  write_count(w, "eval_count", usage.completion);
  write_duration(w, "eval_duration", timings.decode);
  write_count(w, "prompt_cached_count",
              usage.cached);  // hearth's own: Ollama's rate of tokens per second misleads without it
  write_count(w, "prompt_dropped_count", usage.dropped);  // hearth's own: what `truncate` cost
  if (usage.source == domain::Usage::Source::kEstimated) w.field("estimated", true);
  w.end_object();
}

std::string GenerateRenderer::body(const domain::Answer& answer) {
  const domain::Choice choice = answer.choices.empty() ? domain::Choice{} : answer.choices.front();
  std::string text;
  std::string tools;
  std::int32_t place = 0;
  for (std::size_t i = 0; i < choice.blocks.size(); ++i) {
    const auto& block = choice.blocks[i];
    if (block.kind == BlockKind::kText || block.kind == BlockKind::kRefusal) text += block.text;
    if (block.kind != BlockKind::kToolCall) continue;
    if (place > 0) tools += ',';
    tools += tool_call(block, place++, static_cast<std::int32_t>(i));
  }
  const std::string thinking = choice.thinking();
  Writer w;
  write_head(w, common::model_of(answer.started, style_.model));
  write_piece(w, {.text = text, .thinking = thinking, .tool_calls = std::move(tools)}, style_.chat);
  const std::span<const domain::TokenLogprob> logprobs = style_.logprobs
                                                             ? std::span<const domain::TokenLogprob>(choice.logprobs)
                                                             : std::span<const domain::TokenLogprob>();
  write_end(w, choice.reason, logprobs, answer.usage, answer.timings);
  return std::move(w).take();
}

}  // namespace

std::unique_ptr<Renderer> generate_renderer(Style style) {
  return std::make_unique<GenerateRenderer>(std::move(style));
}

std::string load_body(std::string_view model, const Edge& edge, bool unload, bool chat) {
  Writer w;
  w.begin_object().field("model", model).field("created_at", base::rfc3339(common::wall(edge)));
  write_piece(w, {}, chat);
  w.field("done", true).field("done_reason", unload ? "unload" : "load").end_object();
  return std::move(w).take();
}

void write_duration(Writer& w, std::string_view name, std::chrono::nanoseconds span) {
  write_count(w, name, span.count());
}

void write_count(Writer& w, std::string_view name, std::int64_t count) {
  if (count != 0) w.field(name, count);
}

}  // namespace hearth::dialect::ollama
