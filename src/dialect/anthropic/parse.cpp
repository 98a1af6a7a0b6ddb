#include "dialect/anthropic/parse.hpp"

#include <algorithm>

#include "base/strings.hpp"
#include "dialect/anthropic/anthropic.hpp"
#include "dialect/anthropic/render.hpp"
#include "dialect/common/parse.hpp"

namespace hearth::dialect::anthropic {
namespace {

using common::kInt32Max;
using domain::ToolChoice;
using json::Item;
using json::Object;

void read_stop_sequences(Object& in, std::vector<std::string>& out) {
  const auto item = in.get("stop_sequences");
  if (!item) return;
  item->each([&](const Item& element) {
    out.push_back(element.text());
    if (element.is_string() && base::trim(out.back()).empty()) element.fail("must not be only whitespace");
  });
  if (out.size() > common::kStopsMax) item->fail("has too many stop sequences");
}

// A tool of Anthropic's own servers (web_search_20250305 ...) is named as not honoured.
void read_tool(const Item& item, std::vector<domain::Tool>& out) {
  if (const auto* object = item.value().if_object()) {
    const auto* type = object->if_contains("type");
    const auto* name = type != nullptr ? type->if_string() : nullptr;
    if (name != nullptr && *name != "custom") {
      item.report().ignored.push_back(item.path());
      return;
    }
  }
  item.object([&](Object& in) {
    std::string type;
    in.text("type", type);
    domain::Tool tool{.name = in.required_text("name")};
    if (in.has("name") && tool.name.empty()) in.fail("name", "must not be empty");
    in.text("description", tool.description);
    if (const auto schema = in.require("input_schema")) tool.parameters = common::read_object_text(*schema);
    in.boolean("strict", tool.strict);
    in.ignore("cache_control");
    out.push_back(std::move(tool));
  });
}

void read_tool_choice(Object& in, const std::vector<domain::Tool>& tools, ToolChoice& out) {
  using enum ToolChoice::Mode;
  in.object("tool_choice", [&](Object& choice) {
    const std::string type = choice.required_text("type");
    if (!choice.has("type")) return;
    bool one_at_a_time = false;
    choice.boolean("disable_parallel_tool_use", one_at_a_time);
    out.parallel = !one_at_a_time;
    if (type == "auto") {
      out.mode = kAuto;
    } else if (type == "none") {
      out.mode = kNone;
    } else if (type == "any") {
      out.mode = kRequired;
      if (tools.empty()) choice.fail("type", "asks for a tool, but there are none in the request");
    } else if (type == "tool") {
      out.mode = kNamed;
      out.name = choice.required_text("name");
      if (std::ranges::none_of(tools, [&](const auto& t) { return t.name == out.name; }))
        choice.fail("name", "is not a tool of the request");
    } else {
      choice.fail("type", "must be auto, any, tool or none");
    }
  });
}

void read_thinking(Object& in, domain::Reasoning& out) {
  using enum domain::Reasoning::Effort;
  in.object("thinking", [&](Object& thinking) {
    const std::string type = thinking.required_text("type");
    if (!thinking.has("type")) return;
    thinking.optional_integer("budget_tokens", out.budget_tokens, 1, kInt32Max);
    std::string display;
    thinking.text("display", display);
    out.hidden = display == "omitted";
    if (type == "enabled")
      out.effort = kMedium;
    else if (type == "disabled")
      out.effort = kNone;
    else if (type != "adaptive")
      thinking.fail("type", "must be enabled, adaptive or disabled");
  });
}

void read_output_format(const Item& item, domain::ResponseFormat& out) {
  item.object([&](Object& format) {
    const std::string type = format.required_text("type");
    if (!format.has("type")) return;
    if (type != "json_schema") return format.fail("type", "must be json_schema");
    out.kind = domain::ResponseFormat::Kind::kJsonSchema;
    out.field = item.path();
    if (const auto schema = format.require("schema")) out.text = common::read_object_text(*schema);
  });
}

void read_output_config(Object& in, domain::ChatRequest& out) {
  in.object("output_config", [&](Object& config) {
    if (const auto effort = config.get("effort")) {
      const auto known = common::effort_from(effort->text());
      if (known)
        out.reasoning.effort = *known;
      else
        effort->fail("must be low, medium, high, xhigh or max");
    }
    if (const auto format = config.get("format")) read_output_format(*format, out.response_format);
  });
}

// Everything but max_tokens and stream.
void read_request(Object& in, domain::ChatRequest& out) {
  common::read_model(in, "model", out.envelope.model);
  common::read_keep_alive(in, out.envelope);
  read_system(in, out.messages);
  read_messages(in, out.messages);
  common::note_given(in, out.generation.given);
  auto& sampling = out.generation.sampling;
  in.number("temperature", sampling.temperature, 0, 1);
  in.number("top_p", sampling.top_p, 0, 1);
  in.integer("top_k", sampling.top_k, 0, kInt32Max);
  read_stop_sequences(in, out.generation.stop);
  in.each("tools", [&](const Item& item) { read_tool(item, out.tools); });
  read_tool_choice(in, out.tools, out.tool_choice);
  read_thinking(in, out.reasoning);
  read_output_config(in, out);
  in.ignore({"metadata", "service_tier", "cache_control", "container", "inference_geo"});
}

}  // namespace

Result<Call> parse_messages(std::string_view body, const Edge& edge) {
  domain::ChatRequest request;
  bool stream = false;
  HEARTH_TRY(json::Report report, json::read_object(body, [&](Object& in) {
               read_request(in, request);
               if (const auto limit = in.require("max_tokens"))
                 request.generation.max_tokens = static_cast<std::int32_t>(limit->integer(0, kInt32Max));
               in.boolean("stream", stream);
             }));
  Call call{.names = {{"reasoning", "thinking"}}, .ignored = std::move(report.ignored), .stream = stream};
  call.renderer =
      message_renderer({.edge = edge, .model = request.envelope.model, .hide_thinking = request.reasoning.hidden});
  call.request = std::move(request);
  return call;
}

Result<Call> parse_count_tokens(std::string_view body, const Edge& /*edge*/) {
  domain::RenderRequest request;
  HEARTH_TRY(json::Report report, json::read_object(body, [&](Object& in) { read_request(in, request.chat); }));
  return Call{.request = std::move(request), .ignored = std::move(report.ignored), .renderer = count_renderer()};
}

}  // namespace hearth::dialect::anthropic
