#include "dialect/common/parse.hpp"
#include "dialect/openai/openai.hpp"
#include "dialect/openai/parse.hpp"
#include "dialect/openai/render.hpp"

// llama-server's own form of filling in the middle, which editors speak.
namespace hearth::dialect::openai {
namespace {

using json::Item;
using json::Object;

void read_limit(Object& in, domain::Generation& out) {
  const auto item = in.get("n_predict");
  if (!item) return;
  const std::int64_t limit = item->integer(-1, common::kInt32Max);  // -1: until the model ends it
  out.max_tokens = limit < 0 ? std::nullopt : std::optional(static_cast<std::int32_t>(limit));
  out.given.add(domain::Parameter::kMaxTokens);
}

void read_infill(Object& in, domain::CompletionRequest& out) {
  common::read_optional_model(in, "model", out.envelope.model);
  common::read_keep_alive(in, out.envelope);
  out.infill = true;
  std::string before = in.required_text("input_prefix");
  out.suffix = in.required_text("input_suffix");
  std::string more;  // what the middle begins with
  in.text("prompt", more);
  out.prompts.emplace_back(before + more);
  in.each("input_extra", [&](const Item& item) {
    item.object([&](Object& file) {
      auto& one = out.files.emplace_back();
      file.text("filename", one.name);
      one.text = file.required_text("text");
    });
  });
  out.generation.sampling = {.temperature = 0.8, .top_k = 40, .top_p = 0.95, .min_p = 0.05};  // llama-server's
  out.generation.truncate = true;  // editors send what is around, near and far; the answer says what was left out
  read_generation(in, out.generation);
  read_limit(in, out.generation);
  if (out.generation.n != 1) in.fail("n", "must be 1");
  read_short_formats(in, out.response_format);
  read_response_format(in, out.response_format);
  in.accept("cache_prompt");  // always
  in.ignore("id_slot");
}

}  // namespace

Result<Call> parse_infill(std::string_view body, const Edge& edge) {
  domain::CompletionRequest request;
  StreamOptions options;
  HEARTH_TRY(json::Report report, json::read_object(body, [&](Object& in) {
               read_infill(in, request);
               read_stream(in, options);
             }));
  Call call{.unnamed = {domain::Task::kInfill},
            .names = {{"prompt", "input_prefix"}, {"suffix", "input_suffix"}},
            .ignored = std::move(report.ignored),
            .stream = options.stream};
  call.renderer = infill_renderer({.edge = edge, .model = request.envelope.model});
  call.request = std::move(request);
  return call;
}

}  // namespace hearth::dialect::openai
