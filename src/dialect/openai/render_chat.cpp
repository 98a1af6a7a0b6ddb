#include <fmt/format.h>
#include <functional>
#include <map>
#include <span>
#include <utility>

#include "dialect/common/render.hpp"
#include "dialect/openai/render.hpp"

namespace hearth::dialect::openai {
namespace {

using domain::BlockKind;
using json::Writer;

std::string_view finish_name(domain::FinishReason reason, bool old_functions) {
  using enum domain::FinishReason;
  switch (reason) {
    case kStop: return "stop";
    case kLength: return "length";
    case kToolCalls: return old_functions ? "function_call" : "tool_calls";
    case kContentFilter: return "content_filter";
  }
  return "stop";
}

class ChatRenderer final : public Renderer {
 public:
  explicit ChatRenderer(Style style)
      : style_(std::move(style)),
        id_("chatcmpl-" + style_.edge.id),
        created_(base::unix_seconds(common::wall(style_.edge))) {}

  std::string body(const domain::Answer& answer) override;
  std::vector<Frame> frames(const domain::Event& event) override {
    std::vector<Frame> out;
    std::visit([&](const auto& e) { add(out, e); }, event);
    return out;
  }

 private:
  struct BlockState {
    BlockKind kind = BlockKind::kText;
    std::int32_t tool = 0;  // place among the tool calls of its choice
    bool argued = false;    // arguments went out
  };
  struct ChoiceState {
    bool greeted = false;  // the role went out
    std::int32_t tools = 0;
    std::map<std::int32_t, BlockState> blocks;
  };

  void add(std::vector<Frame>&, const domain::Started& e) { model_ = common::model_of(e, style_.model); }
  void add(std::vector<Frame>& out, const domain::BlockOpened& e);
  void add(std::vector<Frame>& out, const domain::Delta& e);
  void add(std::vector<Frame>& out, const domain::BlockClosed& e);
  void add(std::vector<Frame>& out, const domain::ChoiceFinished& e);
  void add(std::vector<Frame>& out, const domain::Finished& e);
  void add(std::vector<Frame>& out, const domain::Failed& e) { out.push_back(error_frame(e.error)); }
  void add(std::vector<Frame>&, const auto&) {}

  void write_head(Writer& w, std::string_view object, std::string_view model) const {
    w.field("id", id_).field("object", object).field("created", created_).field("model", model);
    w.field("system_fingerprint", fingerprint());
  }
  // One chunk with one choice; `delta` writes the fields of its delta.
  [[nodiscard]] Frame chunk(std::int32_t choice, const std::function<void(Writer&)>& delta,
                            std::string_view finish = {}, std::span<const domain::TokenLogprob> logprobs = {}) const;
  // Text of a tool call's arguments, as it stands in a delta.
  void write_arguments(Writer& w, const BlockState& block, std::string_view text) const;
  // The role chunk of a choice, once.
  ChoiceState& greet(std::vector<Frame>& out, std::int32_t choice);
  void write_message(Writer& w, const domain::Choice& choice, std::int32_t index) const;
  void write_tool_calls(Writer& w, const domain::Choice& choice, std::int32_t index) const;

  Style style_;
  std::string id_;
  std::int64_t created_;
  std::string model_{style_.model};
  std::map<std::int32_t, ChoiceState> choices_;
};

Frame ChatRenderer::chunk(std::int32_t choice, const std::function<void(Writer&)>& delta, std::string_view finish,
                          std::span<const domain::TokenLogprob> logprobs) const {
  Writer w;
  w.begin_object();
  write_head(w, "chat.completion.chunk", model_);
  w.key("choices").begin_array().begin_object().field("index", choice).key("delta").begin_object();
  delta(w);
  w.end_object();
  if (!logprobs.empty()) {
    w.key("logprobs").begin_object().key("content");
    common::write_logprobs(w, logprobs);
    w.key("refusal").null().end_object();
  }
  w.key("finish_reason");
  if (finish.empty())
    w.null();
  else
    w.value(finish);
  w.end_object().end_array();
  if (style_.include_usage) w.key("usage").null();
  w.end_object();
  return {.event = {}, .data = std::move(w).take()};
}

ChatRenderer::ChoiceState& ChatRenderer::greet(std::vector<Frame>& out, std::int32_t choice) {
  ChoiceState& state = choices_[choice];
  if (!std::exchange(state.greeted, true)) {
    out.push_back(chunk(choice, [](Writer& w) { w.field("role", "assistant").field("content", ""); }));
  }
  return state;
}

void ChatRenderer::add(std::vector<Frame>& out, const domain::BlockOpened& e) {
  ChoiceState& choice = greet(out, e.choice);
  BlockState& block = choice.blocks[e.index];
  block.kind = e.kind;
  if (e.kind != BlockKind::kToolCall) return;
  block.tool = choice.tools++;
  out.push_back(chunk(e.choice, [&](Writer& w) {
    if (style_.old_functions) {
      w.key("function_call").begin_object().field("name", e.tool_name).field("arguments", "").end_object();
      return;
    }
    w.key("tool_calls").begin_array().begin_object().field("index", block.tool);
    w.field("id", common::tool_id(e.tool_id, "call_", style_.edge, e.choice, e.index)).field("type", "function");
    w.key("function").begin_object().field("name", e.tool_name).field("arguments", "").end_object();
    w.end_object().end_array();
  }));
}

void ChatRenderer::add(std::vector<Frame>& out, const domain::Delta& e) {
  ChoiceState& choice = greet(out, e.choice);
  BlockState& block = choice.blocks[e.index];
  if (block.kind == BlockKind::kThinking && style_.hide_thinking) return;
  const std::span<const domain::TokenLogprob> logprobs =
      style_.logprobs ? std::span<const domain::TokenLogprob>(e.logprobs) : std::span<const domain::TokenLogprob>();
  if (e.text.empty() && logprobs.empty()) return;  // text held back: nothing to say yet
  auto write = [&](Writer& w) {
    switch (block.kind) {
      case BlockKind::kText: w.field("content", e.text); break;
      case BlockKind::kThinking: w.field("reasoning_content", e.text); break;
      case BlockKind::kRefusal: w.field("refusal", e.text); break;
      case BlockKind::kToolCall: write_arguments(w, block, e.text); break;
    }
  };
  block.argued = block.argued || !e.text.empty();
  out.push_back(chunk(e.choice, write, {}, logprobs));
}

void ChatRenderer::write_arguments(Writer& w, const BlockState& block, std::string_view text) const {
  if (style_.old_functions) {
    w.key("function_call").begin_object().field("arguments", text).end_object();
    return;
  }
  w.key("tool_calls").begin_array().begin_object().field("index", block.tool);
  w.key("function").begin_object().field("arguments", text).end_object().end_object().end_array();
}

void ChatRenderer::add(std::vector<Frame>& out, const domain::BlockClosed& e) {
  BlockState& block = greet(out, e.choice).blocks[e.index];
  if (block.kind != BlockKind::kToolCall || std::exchange(block.argued, true)) return;
  out.push_back(chunk(e.choice, [&](Writer& w) { write_arguments(w, block, kNoArguments); }));
}

void ChatRenderer::add(std::vector<Frame>& out, const domain::ChoiceFinished& e) {
  greet(out, e.choice);
  out.push_back(chunk(e.choice, [](Writer&) {}, finish_name(e.reason, style_.old_functions)));
}

void ChatRenderer::add(std::vector<Frame>& out, const domain::Finished& e) {
  if (style_.include_usage) {
    Writer w;
    w.begin_object();
    write_head(w, "chat.completion.chunk", model_);
    w.key("choices").begin_array().end_array();
    write_usage(w, e.usage);
    w.end_object();
    out.push_back({.event = {}, .data = std::move(w).take()});
  }
  out.push_back(done_frame());
}

void ChatRenderer::write_tool_calls(Writer& w, const domain::Choice& choice, std::int32_t index) const {
  bool open = false;
  for (std::size_t i = 0; i < choice.blocks.size(); ++i) {
    const auto& block = choice.blocks[i];
    if (block.kind != BlockKind::kToolCall) continue;
    auto write_function = [&] {
      const std::string_view arguments = block.text.empty() ? kNoArguments : std::string_view(block.text);
      w.begin_object().field("name", block.tool_name).field("arguments", arguments).end_object();
    };
    if (style_.old_functions) {
      w.key("function_call");
      write_function();
      return;  // the old form has room for one
    }
    if (!std::exchange(open, true)) w.key("tool_calls").begin_array();
    w.begin_object();
    w.field("id", common::tool_id(block.tool_id, "call_", style_.edge, index, static_cast<std::int32_t>(i)));
    w.field("type", "function").key("function");
    write_function();
    w.end_object();
  }
  if (open) w.end_array();
}

void ChatRenderer::write_message(Writer& w, const domain::Choice& choice, std::int32_t index) const {
  bool has_tools = false;
  std::string refusal;
  for (const auto& block : choice.blocks) {
    has_tools = has_tools || block.kind == BlockKind::kToolCall;
    if (block.kind == BlockKind::kRefusal) refusal += block.text;
  }
  const std::string text = choice.text();
  w.begin_object().field("role", "assistant").key("content");
  if (text.empty() && (has_tools || !refusal.empty()))
    w.null();
  else
    w.value(text);
  if (const std::string thinking = choice.thinking(); !thinking.empty() && !style_.hide_thinking) {
    w.field("reasoning_content", thinking);
  }
  w.key("refusal");
  if (refusal.empty())
    w.null();
  else
    w.value(refusal);
  w.key("annotations").begin_array().end_array();
  write_tool_calls(w, choice, index);
  w.end_object();
}

std::string ChatRenderer::body(const domain::Answer& answer) {
  Writer w;
  w.begin_object();
  write_head(w, "chat.completion", common::model_of(answer.started, style_.model));
  w.key("choices").begin_array();
  for (std::size_t i = 0; i < answer.choices.size(); ++i) {
    const auto& choice = answer.choices[i];
    w.begin_object().field("index", i).key("message");
    write_message(w, choice, static_cast<std::int32_t>(i));
    w.key("logprobs");
    if (style_.logprobs) {
      w.begin_object().key("content");
      common::write_logprobs(w, choice.logprobs);
      w.key("refusal").null().end_object();
    } else {
      w.null();
    }
    w.field("finish_reason", finish_name(choice.reason, style_.old_functions)).end_object();
  }
  w.end_array();
  write_usage(w, answer.usage);
  w.end_object();
  return std::move(w).take();
}

}  // namespace

std::unique_ptr<Renderer> chat_renderer(Style style) { return std::make_unique<ChatRenderer>(std::move(style)); }

std::string_view fingerprint() { return "hearth-" HEARTH_VERSION; }

void write_usage(Writer& w, const domain::Usage& usage) {
  w.key("usage").begin_object().field("prompt_tokens", usage.prompt).field("completion_tokens", usage.completion);
  w.field("total_tokens", common::total_tokens(usage));
  w.key("prompt_tokens_details").begin_object().field("cached_tokens", usage.cached).end_object();
  w.key("completion_tokens_details").begin_object().field("reasoning_tokens", usage.reasoning).end_object();
  if (usage.source == domain::Usage::Source::kEstimated) w.field("estimated", true);
  w.end_object();
}

}  // namespace hearth::dialect::openai
