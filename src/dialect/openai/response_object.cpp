#include "dialect/openai/response_object.hpp"

#include "dialect/common/render.hpp"
#include "dialect/openai/render.hpp"

namespace hearth::dialect::openai {
namespace {

using domain::BlockKind;
using json::Writer;

// As far as what the item says.
void write_item_head(Writer& w, const OutputItem& item, std::string_view status) {
  w.begin_object().field("id", item.id);
  switch (item.kind) {
    case BlockKind::kText:
    case BlockKind::kRefusal: w.field("type", "message").field("status", status).field("role", "assistant"); break;
    case BlockKind::kThinking: w.field("type", "reasoning").field("status", status); break;
    case BlockKind::kToolCall:
      w.field("type", "function_call").field("status", status);
      w.field("call_id", item.call_id).field("name", item.name);
      break;
  }
}

// The input and what came of it.
void write_response_usage(Writer& w, const domain::Usage& usage) {
  w.begin_object().field("input_tokens", usage.prompt);
  w.key("input_tokens_details").begin_object().field("cached_tokens", usage.cached);
  w.field("cache_write_tokens", 0).end_object();  // writing to the cache costs nothing here
  w.field("output_tokens", usage.completion);
  w.key("output_tokens_details").begin_object().field("reasoning_tokens", usage.reasoning).end_object();
  w.field("total_tokens", common::total_tokens(usage));
  if (usage.dropped > 0) w.field("dropped_tokens", usage.dropped);
  if (usage.source == domain::Usage::Source::kEstimated) w.field("estimated", true);
  w.end_object();
}

void write_outcome(Writer& w, const ResponseObject& response) {
  w.key("error");
  if (response.error)
    w.begin_object()
        .field("code", error_name(response.error->code))
        .field("message", response.error->message)
        .end_object();
  else
    w.null();
  w.key("incomplete_details");
  if (!response.incomplete_reason.empty())
    w.begin_object().field("reason", response.incomplete_reason).end_object();
  else
    w.null();
}

}  // namespace

std::string_view id_prefix(BlockKind kind) {
  switch (kind) {
    case BlockKind::kText:
    case BlockKind::kRefusal: return "msg_";
    case BlockKind::kThinking: return "rs_";
    case BlockKind::kToolCall: return "fc_";
  }
  return "msg_";
}

void write_part(Writer& w, const OutputItem& item) {
  w.begin_object();
  if (item.kind == BlockKind::kRefusal) {
    w.field("type", "refusal").field("refusal", item.text);
  } else if (item.kind == BlockKind::kThinking) {
    w.field("type", "reasoning_text").field("text", item.text);
  } else {
    w.field("type", "output_text").field("text", item.text).key("annotations").begin_array().end_array();
    w.key("logprobs");
    common::write_logprobs(w, item.logprobs);
  }
  w.end_object();
}

void write_item(Writer& w, const OutputItem& item) {
  write_item_head(w, item, item.status);
  if (item.kind == BlockKind::kToolCall) {
    w.field("arguments", item.text).end_object();
    return;
  }
  if (item.kind == BlockKind::kThinking) w.key("summary").begin_array().end_array();  // what it thought stands whole
  w.key("content").begin_array();
  write_part(w, item);
  w.end_array().end_object();
}

void write_new_item(Writer& w, const OutputItem& item) {
  write_item_head(w, item, "in_progress");
  if (item.kind == BlockKind::kToolCall) {
    w.field("arguments", "").end_object();
    return;
  }
  if (item.kind == BlockKind::kThinking) w.key("summary").begin_array().end_array();
  w.key("content").begin_array().end_array().end_object();
}

void write_response(Writer& w, const ResponseObject& response) {
  w.begin_object().field("id", response.id).field("object", "response").field("created_at", response.created);
  w.key("completed_at");
  if (response.completed)
    w.value(*response.completed);
  else
    w.null();
  w.field("status", response.status).field("background", false);
  write_outcome(w, response);
  w.field("model", response.model).key("output").begin_array();
  for (const auto& item : response.output) write_item(w, item);
  w.end_array();
  for (const auto& [name, text] : response.echo) w.key(name).raw(text);
  w.key("max_tool_calls").null().key("previous_response_id").null();
  w.field("service_tier", "default").field("store", false).key("usage");
  if (response.usage)
    write_response_usage(w, *response.usage);
  else
    w.null();
  w.end_object();
}

}  // namespace hearth::dialect::openai
