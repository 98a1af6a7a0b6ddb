#include "dialect/common/parse.hpp"
#include "dialect/openai/openai.hpp"
#include "dialect/openai/parse.hpp"
#include "dialect/openai/render.hpp"

namespace hearth::dialect::openai {
namespace {

using common::kInt32Max;
using json::Object;

void read_logprobs(Object& in, domain::Generation& out) {
  constexpr int kTopLogprobsMax = 20;
  in.boolean("logprobs", out.logprobs);
  in.integer("top_logprobs", out.top_logprobs, 0, kTopLogprobsMax);
  if (out.top_logprobs > 0 && !out.logprobs) in.fail("top_logprobs", "needs logprobs to be true");
}

void read_template_arguments(Object& in, std::map<std::string, std::string>& out) {
  const auto item = in.get("chat_template_kwargs");
  if (!item) return;
  if (!item->is_object()) return item->object([](Object&) {});  // reports the type
  for (const auto& [key, value] : item->value().get_object()) out[key] = json::to_text(value);
}

}  // namespace

bool read_chat(Object& in, domain::ChatRequest& out) {
  common::read_model(in, "model", out.envelope.model);
  common::read_keep_alive(in, out.envelope);
  read_messages(in, out.messages);
  read_generation(in, out.generation);
  in.optional_integer("max_completion_tokens", out.generation.max_tokens, 0, kInt32Max);  // the newer name wins
  read_logprobs(in, out.generation);
  const bool old_functions = read_tools(in, out.tools, out.tool_choice);
  read_short_formats(in, out.response_format);
  read_response_format(in, out.response_format);
  read_reasoning(in, out.reasoning);
  read_template_arguments(in, out.template_arguments);
  in.ignore({"user", "store", "metadata", "service_tier", "safety_identifier", "prompt_cache_key",
             "prompt_cache_retention", "prompt_cache_options", "verbosity", "modalities", "audio", "prediction",
             "web_search_options", "moderation"});
  return old_functions;
}

Result<Call> parse_chat(std::string_view body, const Edge& edge) {
  domain::ChatRequest request;
  StreamOptions options;
  bool old_functions = false;
  bool has_effort = false;
  HEARTH_TRY(json::Report report, json::read_object(body, [&](Object& in) {
               old_functions = read_chat(in, request);
               read_stream(in, options);
               has_effort = in.has("reasoning_effort");
             }));
  Call call{.names = {{"reasoning", has_effort ? "reasoning_effort" : "reasoning"}},
            .ignored = std::move(report.ignored),
            .stream = options.stream};
  call.renderer = chat_renderer({.edge = edge,
                                 .model = request.envelope.model,
                                 .include_usage = options.include_usage,
                                 .logprobs = request.generation.logprobs,
                                 .old_functions = old_functions,
                                 .hide_thinking = request.reasoning.hidden});
  call.request = std::move(request);
  return call;
}

Result<Call> parse_apply_template(std::string_view body, const Edge& /*edge*/) {
  domain::RenderRequest request;
  HEARTH_TRY(json::Report report, json::read_object(body, [&](Object& in) { (void)read_chat(in, request.chat); }));
  return Call{.request = std::move(request), .ignored = std::move(report.ignored), .renderer = template_renderer()};
}

}  // namespace hearth::dialect::openai
