#include "dialect/anthropic/render.hpp"

#include <algorithm>
#include <deque>
#include <utility>

#include "dialect/common/parse.hpp"
#include "dialect/common/render.hpp"
#include "json/writer.hpp"

namespace hearth::dialect::anthropic {
namespace {

using domain::BlockKind;
using json::Writer;

std::string_view stop_reason(domain::FinishReason reason, std::string_view stop_sequence) {
  using enum domain::FinishReason;
  switch (reason) {
    case kStop: return stop_sequence.empty() ? "end_turn" : "stop_sequence";
    case kLength: return "max_tokens";
    case kToolCalls: return "tool_use";
    case kContentFilter: return "refusal";
  }
  return "end_turn";
}

void write_stop(Writer& w, domain::FinishReason reason, std::string_view stop_sequence) {
  w.field("stop_reason", stop_reason(reason, stop_sequence)).key("stop_sequence");
  if (reason == domain::FinishReason::kStop && !stop_sequence.empty())
    w.value(stop_sequence);
  else
    w.null();
}

// input + cache_creation + cache_read is the whole prompt.
void write_usage(Writer& w, const domain::Usage& usage) {
  w.key("usage").begin_object().field("input_tokens", std::max(usage.prompt - usage.cached, 0));
  w.field("cache_creation_input_tokens", 0).field("cache_read_input_tokens", usage.cached);
  w.field("output_tokens", usage.completion);
  if (usage.source == domain::Usage::Source::kEstimated) w.field("estimated", true);
  w.end_object();
}

// One stream or one answer. This dialect has one choice and one open block at a time: what an engine says of a further
// block waits until the open one is closed.
class MessageRenderer final : public Renderer {
 public:
  explicit MessageRenderer(Style style) : style_(std::move(style)) {}

  std::string body(const domain::Answer& answer) override;
  std::vector<Frame> frames(const domain::Event& event) override {
    std::vector<Frame> out;
    std::visit([&](const auto& e) { add(out, e); }, event);
    return out;
  }

 private:
  struct Block {
    domain::Block said;      // text: what waits to be sent
    std::int32_t index = 0;  // the engine's
    bool closed = false;
  };

  void add(std::vector<Frame>& out, const domain::Started& e);
  void add(std::vector<Frame>& out, const domain::BlockOpened& e);
  void add(std::vector<Frame>& out, const domain::Delta& e);
  void add(std::vector<Frame>& out, const domain::BlockClosed& e);
  void add(std::vector<Frame>& out, const domain::ChoiceFinished& e);
  void add(std::vector<Frame>& out, const domain::Finished& e);
  void add(std::vector<Frame>& out, const domain::Failed& e) { out.push_back(error_frame(e.error)); }
  void add(std::vector<Frame>&, const auto&) {}

  Block* find(std::int32_t index);
  // Sends all that may go out now.
  void drain(std::vector<Frame>& out);
  void open_front(std::vector<Frame>& out);
  void send_text(std::vector<Frame>& out, Block& block) const;
  void close_front(std::vector<Frame>& out);
  void write_block(Writer& w, const domain::Block& block, std::int32_t index) const;
  [[nodiscard]] std::string id() const { return "msg_" + style_.edge.id; }

  Style style_;
  std::deque<Block> blocks_;  // the front one is open on the wire if front_open_
  bool front_open_ = false;
  std::int32_t wire_index_ = 0;  // of the front block
  domain::ChoiceFinished finish_;
};

// "type":"x" first, then what `fill` writes.
template <class Fill>
Frame event(std::string_view type, Fill&& fill) {
  Writer w;
  w.begin_object().field("type", type);
  fill(w);
  w.end_object();
  return {.event = std::string(type), .data = std::move(w).take()};
}

void MessageRenderer::add(std::vector<Frame>& out, const domain::Started& e) {
  out.push_back(event("message_start", [&](Writer& w) {
    w.key("message").begin_object().field("id", id()).field("type", "message").field("role", "assistant");
    w.field("model", common::model_of(e, style_.model)).key("content").begin_array().end_array();
    w.key("stop_reason").null().key("stop_sequence").null();
    write_usage(w, {.prompt = e.prompt_tokens, .cached = e.cached_tokens});
    w.end_object();
  }));
}

MessageRenderer::Block* MessageRenderer::find(std::int32_t index) {
  const auto at = std::ranges::find(blocks_, index, &Block::index);
  return at == blocks_.end() ? nullptr : &*at;
}

void MessageRenderer::add(std::vector<Frame>& out, const domain::BlockOpened& e) {
  if (e.choice != 0) return;
  blocks_.push_back({.said = {.kind = e.kind, .tool_id = e.tool_id, .tool_name = e.tool_name}, .index = e.index});
  drain(out);
}

void MessageRenderer::add(std::vector<Frame>& out, const domain::Delta& e) {
  Block* block = e.choice == 0 ? find(e.index) : nullptr;
  if (block == nullptr || (block->said.kind == BlockKind::kThinking && style_.hide_thinking)) return;
  block->said.text += e.text;
  drain(out);
}

void MessageRenderer::add(std::vector<Frame>& out, const domain::BlockClosed& e) {
  Block* block = e.choice == 0 ? find(e.index) : nullptr;
  if (block == nullptr) return;
  block->closed = true;
  block->said.signature = e.signature;
  drain(out);
}

void MessageRenderer::add(std::vector<Frame>& out, const domain::ChoiceFinished& e) {
  if (e.choice != 0) return;
  finish_ = e;
  if (blocks_.empty() && wire_index_ == 0) blocks_.emplace_back();  // an empty answer is one empty text
  for (auto& block : blocks_) block.closed = true;
  drain(out);
}

void MessageRenderer::add(std::vector<Frame>& out, const domain::Finished& e) {
  out.push_back(event("message_delta", [&](Writer& w) {
    w.key("delta").begin_object();
    write_stop(w, finish_.reason, finish_.stop_sequence);
    w.end_object();
    write_usage(w, e.usage);
  }));
  out.push_back(event("message_stop", [](Writer&) {}));
}

void MessageRenderer::drain(std::vector<Frame>& out) {
  while (!blocks_.empty()) {
    if (!front_open_) open_front(out);
    send_text(out, blocks_.front());
    if (!blocks_.front().closed) return;
    close_front(out);
  }
}

void MessageRenderer::open_front(std::vector<Frame>& out) {
  front_open_ = true;
  domain::Block empty = blocks_.front().said;
  empty.text.clear();
  out.push_back(event("content_block_start", [&](Writer& w) {
    w.field("index", wire_index_).key("content_block");
    write_block(w, empty, blocks_.front().index);
  }));
}

void MessageRenderer::send_text(std::vector<Frame>& out, Block& block) const {
  if (block.said.text.empty()) return;
  out.push_back(event("content_block_delta", [&](Writer& w) {
    w.field("index", wire_index_).key("delta").begin_object();
    switch (block.said.kind) {
      case BlockKind::kText:
      case BlockKind::kRefusal: w.field("type", "text_delta").field("text", block.said.text); break;
      case BlockKind::kThinking: w.field("type", "thinking_delta").field("thinking", block.said.text); break;
      case BlockKind::kToolCall: w.field("type", "input_json_delta").field("partial_json", block.said.text); break;
    }
    w.end_object();
  }));
  block.said.text.clear();
}

void MessageRenderer::close_front(std::vector<Frame>& out) {
  if (const auto& said = blocks_.front().said; said.kind == BlockKind::kThinking && !said.signature.empty()) {
    out.push_back(event("content_block_delta", [&](Writer& w) {
      w.field("index", wire_index_).key("delta").begin_object();
      w.field("type", "signature_delta").field("signature", said.signature).end_object();
    }));
  }
  out.push_back(event("content_block_stop", [&](Writer& w) { w.field("index", wire_index_); }));
  blocks_.pop_front();
  front_open_ = false;
  ++wire_index_;
}

void MessageRenderer::write_block(Writer& w, const domain::Block& block, std::int32_t index) const {
  w.begin_object();
  switch (block.kind) {
    case BlockKind::kText:
    case BlockKind::kRefusal: w.field("type", "text").field("text", block.text); break;
    case BlockKind::kThinking:
      w.field("type", "thinking")
          .field("thinking", style_.hide_thinking ? std::string_view() : std::string_view(block.text));
      w.field("signature", block.signature);
      break;
    case BlockKind::kToolCall:
      w.field("type", "tool_use").field("id", common::tool_id(block.tool_id, "toolu_", style_.edge, 0, index));
      w.field("name", block.tool_name).key("input").raw(common::repaired_arguments(block.text));
      break;
  }
  w.end_object();
}

std::string MessageRenderer::body(const domain::Answer& answer) {
  const domain::Choice choice = answer.choices.empty() ? domain::Choice{} : answer.choices.front();
  Writer w;
  w.begin_object().field("id", id()).field("type", "message").field("role", "assistant");
  w.field("model", common::model_of(answer.started, style_.model)).key("content").begin_array();
  for (std::size_t i = 0; i < choice.blocks.size(); ++i) write_block(w, choice.blocks[i], static_cast<std::int32_t>(i));
  if (choice.blocks.empty()) write_block(w, {}, 0);
  w.end_array();
  write_stop(w, choice.reason, choice.stop_sequence);
  write_usage(w, answer.usage);
  w.end_object();
  return std::move(w).take();
}

class CountRenderer final : public Renderer {
 public:
  std::string body(const domain::Answer& answer) override {
    Writer w;
    w.begin_object().field("input_tokens", answer.rendered ? answer.rendered->tokens : 0).end_object();
    return std::move(w).take();
  }
  std::vector<Frame> frames(const domain::Event& event) override {
    if (const auto* failed = std::get_if<domain::Failed>(&event)) return {error_frame(failed->error)};
    return {};
  }
};

}  // namespace

std::unique_ptr<Renderer> message_renderer(Style style) { return std::make_unique<MessageRenderer>(std::move(style)); }
std::unique_ptr<Renderer> count_renderer() { return std::make_unique<CountRenderer>(); }

}  // namespace hearth::dialect::anthropic
