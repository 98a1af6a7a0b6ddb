#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <utility>

#include "dialect/common/render.hpp"
#include "dialect/openai/render.hpp"
#include "dialect/openai/response_object.hpp"

namespace hearth::dialect::openai {
namespace {

using domain::BlockKind;
using json::Writer;

// One answer, whole or as typed events. An item opens with the first thing it says, so that an answer of calls alone
// has no empty message; it is done only when the next begins or the answer ends, for then it is known whether it was
// cut.
class ResponsesRenderer final : public Renderer {
 public:
  explicit ResponsesRenderer(ResponsesStyle style) : style_(std::move(style)) {
    response_.id = "resp_" + style_.edge.id;
    response_.created = base::unix_seconds(common::wall(style_.edge));
    response_.model = style_.model;
    response_.echo = std::move(style_.echo);
  }

  std::string body(const domain::Answer& answer) override;
  std::vector<Frame> frames(const domain::Event& event) override {
    std::vector<Frame> out;
    std::visit([&](const auto& e) { add(out, e); }, event);
    return out;
  }

 private:
  struct Block {
    domain::BlockOpened opened;
    std::optional<std::size_t> item;  // where it stands in the output, once it says something
    bool closed = false;
  };

  void add(std::vector<Frame>& out, const domain::Started& e);
  void add(std::vector<Frame>& out, const domain::BlockOpened& e);
  void add(std::vector<Frame>& out, const domain::Delta& e);
  void add(std::vector<Frame>& out, const domain::BlockClosed& e);
  void add(std::vector<Frame>& out, const domain::ChoiceFinished& e);
  void add(std::vector<Frame>& out, const domain::Finished& e);
  void add(std::vector<Frame>& out, const domain::Failed& e);
  void add(std::vector<Frame>&, const auto&) {}

  template <class Fill>
  Frame event(std::string_view type, Fill&& fill);
  // An event of the item at `place`; of its text, if `part`.
  template <class Fill>
  Frame item_event(std::string_view type, std::size_t place, bool part, Fill&& fill);
  Frame response_event(std::string_view type) {
    return event(type, [&](Writer& w) { write_response(w.key("response"), response_); });
  }
  // The two events before all others, once.
  void begin(std::vector<Frame>& out);
  std::size_t new_item(const domain::BlockOpened& block);
  void open_item(std::vector<Frame>& out, Block& block);
  void end_item(std::vector<Frame>& out, std::size_t place, std::string_view status);
  void set_outcome(domain::FinishReason reason);
  void set_completed() {
    if (response_.status == "completed") response_.completed = base::unix_seconds(common::wall(style_.edge));
  }

  ResponsesStyle style_;
  ResponseObject response_;
  std::map<std::int32_t, Block> blocks_;
  std::int64_t sequence_ = 0;
  bool begun_ = false;
};

template <class Fill>
Frame ResponsesRenderer::event(std::string_view type, Fill&& fill) {
  Writer w;
  w.begin_object().field("type", type).field("sequence_number", sequence_++);
  fill(w);
  w.end_object();
  return {.event = std::string(type), .data = std::move(w).take()};
}

template <class Fill>
Frame ResponsesRenderer::item_event(std::string_view type, std::size_t place, bool part, Fill&& fill) {
  return event(type, [&](Writer& w) {
    w.field("item_id", response_.output[place].id).field("output_index", place);
    if (part) w.field("content_index", 0);
    fill(w);
  });
}

// "response.<name>.<what>" of what items of that kind say.
std::string text_event(BlockKind kind, std::string_view what) {
  std::string_view name;
  switch (kind) {
    case BlockKind::kText: name = "output_text"; break;
    case BlockKind::kRefusal: name = "refusal"; break;
    case BlockKind::kThinking: name = "reasoning_text"; break;
    case BlockKind::kToolCall: name = "function_call_arguments"; break;
  }
  return fmt::format("response.{}.{}", name, what);
}

// The field of the "done" event that has all of it.
std::string_view text_field(BlockKind kind) {
  if (kind == BlockKind::kRefusal) return "refusal";
  return kind == BlockKind::kToolCall ? "arguments" : "text";
}

void ResponsesRenderer::begin(std::vector<Frame>& out) {
  if (std::exchange(begun_, true)) return;
  out.push_back(response_event("response.created"));
  out.push_back(response_event("response.in_progress"));
}

void ResponsesRenderer::add(std::vector<Frame>& out, const domain::Started& e) {
  response_.model = common::model_of(e, style_.model);
  begin(out);
}

std::size_t ResponsesRenderer::new_item(const domain::BlockOpened& block) {
  OutputItem item{.kind = block.kind, .name = block.tool_name};
  item.id = fmt::format("{}{}_{}", id_prefix(block.kind), style_.edge.id, block.index);
  if (block.kind == BlockKind::kToolCall)
    item.call_id = common::tool_id(block.tool_id, "call_", style_.edge, 0, block.index);
  response_.output.push_back(std::move(item));
  return response_.output.size() - 1;
}

void ResponsesRenderer::open_item(std::vector<Frame>& out, Block& block) {
  for (const auto& [index, before] : blocks_) {
    if (before.closed && before.item) end_item(out, *before.item, "completed");
  }
  const std::size_t place = new_item(block.opened);
  block.item = place;
  const OutputItem& item = response_.output[place];
  out.push_back(event("response.output_item.added",
                      [&](Writer& w) { write_new_item(w.field("output_index", place).key("item"), item); }));
  if (item.kind == BlockKind::kToolCall) return;
  out.push_back(
      item_event("response.content_part.added", place, true, [&](Writer& w) { write_part(w.key("part"), item); }));
}

void ResponsesRenderer::end_item(std::vector<Frame>& out, std::size_t place, std::string_view status) {
  OutputItem& item = response_.output[place];
  if (item.status != "in_progress") return;
  item.status = status;
  const bool call = item.kind == BlockKind::kToolCall;
  if (call && item.text.empty() && status == "completed") {
    item.text = kNoArguments;
    out.push_back(
        item_event(text_event(item.kind, "delta"), place, false, [&](Writer& w) { w.field("delta", item.text); }));
  }
  out.push_back(item_event(text_event(item.kind, "done"), place, !call, [&](Writer& w) {
    if (call) w.field("name", item.name);
    w.field(text_field(item.kind), item.text);
    if (item.kind == BlockKind::kText) common::write_logprobs(w.key("logprobs"), item.logprobs);
  }));
  if (!call)
    out.push_back(
        item_event("response.content_part.done", place, true, [&](Writer& w) { write_part(w.key("part"), item); }));
  out.push_back(event("response.output_item.done",
                      [&](Writer& w) { write_item(w.field("output_index", place).key("item"), item); }));
}

void ResponsesRenderer::add(std::vector<Frame>& out, const domain::BlockOpened& e) {
  if (e.choice != 0 || (e.kind == BlockKind::kThinking && style_.hide_thinking)) return;
  begin(out);
  Block& block = blocks_[e.index];
  block.opened = e;
  if (e.kind == BlockKind::kToolCall) open_item(out, block);
}

void ResponsesRenderer::add(std::vector<Frame>& out, const domain::Delta& e) {
  const auto found = e.choice == 0 ? blocks_.find(e.index) : blocks_.end();
  if (found == blocks_.end()) return;
  Block& block = found->second;
  const bool logprobs = style_.logprobs && block.opened.kind == BlockKind::kText && !e.logprobs.empty();
  if (e.text.empty() && !logprobs) return;  // text held back: nothing to say yet
  if (!block.item) open_item(out, block);
  OutputItem& item = response_.output[*block.item];
  item.text += e.text;
  if (logprobs) item.logprobs.insert(item.logprobs.end(), e.logprobs.begin(), e.logprobs.end());
  const bool call = item.kind == BlockKind::kToolCall;
  out.push_back(item_event(text_event(item.kind, "delta"), *block.item, !call, [&](Writer& w) {
    w.field("delta", e.text);
    if (item.kind != BlockKind::kText) return;
    common::write_logprobs(w.key("logprobs"),
                           logprobs ? std::span(e.logprobs) : std::span<const domain::TokenLogprob>());
  }));
}

void ResponsesRenderer::add(std::vector<Frame>&, const domain::BlockClosed& e) {
  if (const auto found = blocks_.find(e.index); e.choice == 0 && found != blocks_.end()) found->second.closed = true;
}

void ResponsesRenderer::set_outcome(domain::FinishReason reason) {
  response_.status = "incomplete";
  if (reason == domain::FinishReason::kLength)
    response_.incomplete_reason = "max_output_tokens";
  else if (reason == domain::FinishReason::kContentFilter)
    response_.incomplete_reason = "content_filter";
  else
    response_.status = "completed";
}

void ResponsesRenderer::add(std::vector<Frame>& out, const domain::ChoiceFinished& e) {
  if (e.choice != 0) return;
  begin(out);
  set_outcome(e.reason);
  if (response_.output.empty()) open_item(out, blocks_[0] = {});  // an empty answer is one empty message
  for (std::size_t i = 0; i < response_.output.size(); ++i)
    end_item(out, i, i + 1 == response_.output.size() ? response_.status : "completed");
}

void ResponsesRenderer::add(std::vector<Frame>& out, const domain::Finished& e) {
  response_.usage = e.usage;
  set_completed();
  out.push_back(response_event(fmt::format("response.{}", response_.status)));
}

void ResponsesRenderer::add(std::vector<Frame>& out, const domain::Failed& e) {
  begin(out);
  response_.status = "failed";
  response_.incomplete_reason = {};
  response_.error = e.error;
  for (auto& item : response_.output) {
    if (item.status == "in_progress") item.status = "incomplete";
  }
  out.push_back(response_event("response.failed"));
}

std::string ResponsesRenderer::body(const domain::Answer& answer) {
  const domain::Choice choice = answer.choices.empty() ? domain::Choice{} : answer.choices.front();
  response_.model = common::model_of(answer.started, style_.model);
  set_outcome(choice.reason);
  for (std::size_t i = 0; i < choice.blocks.size(); ++i) {
    const domain::Block& block = choice.blocks[i];
    const auto index = static_cast<std::int32_t>(i);
    std::vector<domain::TokenLogprob> logprobs;
    for (std::size_t t = 0; style_.logprobs && block.kind == BlockKind::kText && t < choice.logprobs.size(); ++t) {
      if (choice.logprob_blocks.at(t) == index) logprobs.push_back(choice.logprobs[t]);
    }
    const bool call = block.kind == BlockKind::kToolCall;
    if ((block.text.empty() && logprobs.empty() && !call) ||
        (block.kind == BlockKind::kThinking && style_.hide_thinking))
      continue;
    OutputItem& item = response_.output[new_item(
        {.index = index, .kind = block.kind, .tool_id = block.tool_id, .tool_name = block.tool_name})];
    item.text = block.text;
    item.logprobs = std::move(logprobs);
  }
  if (response_.output.empty()) (void)new_item({});
  for (auto& item : response_.output) item.status = "completed";
  response_.output.back().status = response_.status;
  for (auto& item : response_.output) {
    if (item.kind == BlockKind::kToolCall && item.text.empty() && item.status == "completed") item.text = kNoArguments;
  }
  response_.usage = answer.usage;
  set_completed();
  Writer w;
  write_response(w, response_);
  return std::move(w).take();
}

class InputTokensRenderer final : public UnaryRenderer {
 public:
  std::string body(const domain::Answer& answer) override {
    Writer w;
    w.begin_object().field("object", "response.input_tokens");
    w.field("input_tokens", answer.rendered ? answer.rendered->tokens : 0).end_object();
    return std::move(w).take();
  }
};

}  // namespace

std::unique_ptr<Renderer> responses_renderer(ResponsesStyle style) {
  return std::make_unique<ResponsesRenderer>(std::move(style));
}
std::unique_ptr<Renderer> input_tokens_renderer() { return std::make_unique<InputTokensRenderer>(); }

}  // namespace hearth::dialect::openai
