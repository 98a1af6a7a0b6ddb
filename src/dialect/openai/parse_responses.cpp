#include <fmt/format.h>

#include "dialect/common/parse.hpp"
#include "dialect/openai/openai.hpp"
#include "dialect/openai/parse.hpp"
#include "dialect/openai/render.hpp"

namespace hearth::dialect::openai {
namespace {

using common::kInt32Max;
using json::Item;
using json::Object;

FieldNames names_here() { return {{"messages", "input"}, {"max_tokens", "max_output_tokens"}}; }

// What needs answers to be kept, or work that goes on without its client.
void refuse_state(Object& in) {
  constexpr std::string_view kStateless =
      "is not taken, as this server keeps no answers; send the whole conversation as input";
  for (const auto* field : {"previous_response_id", "conversation"}) {
    if (const auto item = in.get(field)) refuse(*item, kStateless);
  }
  if (const auto prompt = in.get("prompt"))
    refuse(*prompt, "is not taken, as this server keeps no prompts; send its text as instructions and input");
  if (const auto store = in.get("store"); store && store->boolean())
    refuse(*store, "is true, but this server keeps no answers; send false, or leave it out");
  if (const auto background = in.get("background"); background && background->boolean())
    refuse(*background, "is true, but this server answers at once; send false, or leave it out");
}

void read_text_format(Object& in, domain::ResponseFormat& out) {
  using Kind = domain::ResponseFormat::Kind;
  in.object("text", [&](Object& text) {
    text.ignore("verbosity");
    text.object("format", [&](Object& format) {
      const std::string type = format.required_text("type");
      if (type == "text") {
        out.kind = Kind::kText;
      } else if (type == "json_object") {
        out.kind = Kind::kJson;
      } else if (type == "json_schema") {
        out.kind = Kind::kJsonSchema;
        out.name = format.required_text("name");
        format.boolean("strict", out.strict);
        format.ignore("description");
        if (const auto schema = format.require("schema")) out.text = common::read_object_text(*schema);
      } else if (format.has("type")) {
        format.fail("type", "must be \"text\", \"json_object\" or \"json_schema\"");
      }
      if (out.kind != Kind::kText) out.field = "text.format";
    });
  });
}

void read_include(Object& in, domain::Generation& out) {
  in.each("include", [&](const Item& item) {
    if (item.text() == "message.output_text.logprobs")
      out.logprobs = true;
    else if (item.is_string())
      item.report().ignored.push_back(item.path());
  });
  constexpr int kTopLogprobsMax = 20;
  in.integer("top_logprobs", out.top_logprobs, 0, kTopLogprobsMax);
  out.logprobs = out.logprobs || out.top_logprobs > 0;
}

void read_truncation(Object& in, bool& truncate) {
  std::string truncation = "disabled";
  in.text("truncation", truncation);
  truncate = truncation == "auto";
  if (!truncate && truncation != "disabled") in.fail("truncation", "must be \"auto\" or \"disabled\"");
}

void read_metadata(Object& in) {
  in.object("metadata", [](Object& metadata) {
    for (const auto& key : metadata.keys()) {
      std::string text;
      metadata.text(key, text);
    }
  });
}

void read_responses(Object& in, domain::ChatRequest& out) {
  common::read_model(in, "model", out.envelope.model);
  common::read_keep_alive(in, out.envelope);
  refuse_state(in);
  read_input(in, out.messages);
  read_generation(in, out.generation);
  if (out.generation.n != 1) in.fail("n", "must be 1: a response is one answer");
  in.optional_integer("max_output_tokens", out.generation.max_tokens, 0, kInt32Max);
  read_include(in, out.generation);
  read_truncation(in, out.generation.truncate);
  read_flat_tools(in, out.tools, out.tool_choice);
  read_text_format(in, out.response_format);
  read_reasoning(in, out.reasoning);
  read_metadata(in);
  in.ignore({"user", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention",
             "prompt_cache_options", "max_tool_calls", "context_management"});
}

// The fields of a request that its answer repeats, as they were sent.
std::vector<std::pair<std::string, std::string>> echo_of(Object& in) {
  constexpr std::pair<const char*, const char*> kFields[] = {{"instructions", "null"},
                                                             {"max_output_tokens", "null"},
                                                             {"metadata", "{}"},
                                                             {"parallel_tool_calls", "true"},
                                                             {"reasoning", R"({"effort":null,"summary":null})"},
                                                             {"temperature", "null"},
                                                             {"text", R"({"format":{"type":"text"}})"},
                                                             {"tool_choice", R"("auto")"},
                                                             {"tools", "[]"},
                                                             {"top_logprobs", "0"},
                                                             {"top_p", "null"},
                                                             {"truncation", R"("disabled")"}};
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& [name, otherwise] : kFields) {
    std::string text = otherwise;
    if (in.has(name)) in.raw(name, text);
    out.emplace_back(name, std::move(text));
  }
  return out;
}

}  // namespace

Result<Call> parse_responses(std::string_view body, const Edge& edge) {
  domain::ChatRequest request;
  StreamOptions options;
  std::vector<std::pair<std::string, std::string>> echo;
  HEARTH_TRY(json::Report report, json::read_object(body, [&](Object& in) {
               read_responses(in, request);
               read_stream(in, options);
               echo = echo_of(in);
             }));
  Call call{.names = names_here(), .ignored = std::move(report.ignored), .stream = options.stream};
  call.renderer = responses_renderer({.edge = edge,
                                      .model = request.envelope.model,
                                      .logprobs = request.generation.logprobs,
                                      .hide_thinking = request.reasoning.hidden,
                                      .echo = std::move(echo)});
  call.request = std::move(request);
  return call;
}

Result<Call> parse_input_tokens(std::string_view body, const Edge& /*edge*/) {
  domain::RenderRequest request;
  HEARTH_TRY(json::Report report, json::read_object(body, [&](Object& in) { read_responses(in, request.chat); }));
  return Call{.request = std::move(request),
              .names = names_here(),
              .ignored = std::move(report.ignored),
              .renderer = input_tokens_renderer()};
}

}  // namespace hearth::dialect::openai
