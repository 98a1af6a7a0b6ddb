#include <fmt/format.h>

#include "dialect/common/parse.hpp"
#include "dialect/openai/openai.hpp"
#include "dialect/openai/parse.hpp"
#include "dialect/openai/render.hpp"

namespace hearth::dialect::openai {
namespace {

using common::kInt32Max;
using json::Object;

void read_completion(Object& in, domain::CompletionRequest& out) {
  common::read_model(in, "model", out.envelope.model);
  common::read_keep_alive(in, out.envelope);
  if (const auto prompt = in.require("prompt")) {
    out.prompts = common::read_inputs(*prompt);
    if (out.prompts.empty()) prompt->fail("must have at least one prompt");
  }
  in.text("suffix", out.suffix);
  out.infill = !out.suffix.empty();
  in.boolean("echo", out.echo);
  constexpr int kDefaultTokens = 16;
  out.generation.max_tokens = kDefaultTokens;
  read_generation(in, out.generation);
  if (const auto logprobs = in.get("logprobs")) {
    constexpr int kLogprobsMax = 20;
    out.generation.top_logprobs = static_cast<std::int32_t>(logprobs->integer(0, kLogprobsMax));
    out.generation.logprobs = true;
  }
  read_short_formats(in, out.response_format);
  read_response_format(in, out.response_format);
  constexpr std::size_t kChoicesMax = 4096;  // as many as an answer holds
  if (out.prompts.size() * static_cast<std::size_t>(out.generation.n) > kChoicesMax)
    in.fail("n", fmt::format("times the number of prompts must be at most {}", kChoicesMax));
  std::int32_t best_of = out.generation.n;
  in.integer("best_of", best_of, 1, kInt32Max);
  if (best_of < out.generation.n) in.fail("best_of", "must be at least n");
  if (const auto item = in.get("best_of"); item && best_of > out.generation.n)
    refuse(*item, "is more than n, but this server keeps every answer that it makes; ask for n of them and choose");
  in.ignore({"user", "store", "metadata"});
}

constexpr std::int32_t kEuclidean = 2;  // llama-server's number of the norm

void read_pooling(Object& in, std::optional<domain::Pooling>& out) {
  const auto item = in.get("pooling");
  if (!item) return;
  const std::string name = item->text();
  using enum domain::Pooling;
  for (const auto& [known, pooling] :
       {std::pair{"none", kNone}, std::pair{"mean", kMean}, std::pair{"cls", kCls}, std::pair{"last", kLast}}) {
    if (name == known) out = pooling;
  }
  if (!out) item->fail("must be none, mean, cls or last");
}

}  // namespace

Result<Call> parse_completion(std::string_view body, const Edge& edge) {
  domain::CompletionRequest request;
  StreamOptions options;
  HEARTH_TRY(json::Report report, json::read_object(body, [&](Object& in) {
               read_completion(in, request);
               read_stream(in, options);
             }));
  Call call{.ignored = std::move(report.ignored), .stream = options.stream};
  call.renderer = completion_renderer({.edge = edge,
                                       .model = request.envelope.model,
                                       .include_usage = options.include_usage,
                                       .logprobs = request.generation.logprobs,
                                       .top_logprobs = request.generation.top_logprobs > 0});
  call.request = std::move(request);
  return call;
}

Result<Call> parse_embeddings(std::string_view body, const Edge& edge) {
  domain::EmbedRequest request;
  bool base64 = false;
  HEARTH_TRY(json::Report report, json::read_object(body, [&](Object& in) {
               common::read_model(in, "model", request.envelope.model);
               common::read_keep_alive(in, request.envelope);
               if (const auto input = in.require("input")) {
                 request.inputs = common::read_inputs(*input);
                 if (request.inputs.empty()) input->fail("must have at least one text");
               }
               std::string encoding = "float";
               in.text("encoding_format", encoding);
               base64 = encoding == "base64";
               if (!base64 && encoding != "float") in.fail("encoding_format", "must be \"float\" or \"base64\"");
               in.optional_integer("dimensions", request.dimensions, 1, kInt32Max);
               in.ignore("user");
             }));
  Call call{.ignored = std::move(report.ignored)};
  call.renderer = embeddings_renderer({.edge = edge, .model = request.envelope.model, .base64 = base64});
  call.request = std::move(request);
  return call;
}

Result<Call> parse_embedding_rows(std::string_view body, const Edge& /*edge*/) {
  domain::EmbedRequest request;
  HEARTH_TRY(json::Report report, json::read_object(body, [&](Object& in) {
               common::read_model(in, "model", request.envelope.model);
               common::read_keep_alive(in, request.envelope);
               const bool older = !in.has("input") && in.has("content");
               if (const auto input = in.require(older ? "content" : "input")) {
                 request.inputs = common::read_inputs(*input);
                 if (request.inputs.empty()) input->fail("must have at least one text");
               }
               read_pooling(in, request.pooling);
               std::int32_t norm = kEuclidean;
               in.integer("embd_normalize", norm, -1, kEuclidean);
               if (norm != -1 && norm != kEuclidean)
                 in.fail("embd_normalize", "must be 2 (length 1) or -1 (as they are)");
               request.normalize = norm == kEuclidean;
               in.optional_integer("dimensions", request.dimensions, 1, kInt32Max);
             }));
  return Call{
      .request = std::move(request), .ignored = std::move(report.ignored), .renderer = embedding_rows_renderer()};
}

Result<Call> parse_tokenize(std::string_view body, const Edge& edge) {
  domain::TokenizeRequest request;
  bool with_pieces = false;
  HEARTH_TRY(json::Report report, json::read_object(body, [&](Object& in) {
               common::read_model(in, "model", request.envelope.model);
               common::read_keep_alive(in, request.envelope);
               if (const auto text = in.get("text"))
                 request.text = text->text();
               else
                 request.text = in.required_text("content");
               in.boolean("add_special", request.add_special);
               in.boolean("parse_special", request.parse_special);
               in.boolean("with_pieces", with_pieces);
             }));
  return Call{.request = std::move(request),
              .ignored = std::move(report.ignored),
              .renderer = tokenize_renderer({.edge = edge, .with_pieces = with_pieces})};
}

Result<Call> parse_detokenize(std::string_view body, const Edge& /*edge*/) {
  domain::DetokenizeRequest request;
  HEARTH_TRY(json::Report report, json::read_object(body, [&](Object& in) {
               common::read_model(in, "model", request.envelope.model);
               common::read_keep_alive(in, request.envelope);
               if (const auto tokens = in.require("tokens")) request.tokens = common::read_tokens(*tokens);
             }));
  return Call{.request = std::move(request), .ignored = std::move(report.ignored), .renderer = detokenize_renderer()};
}

}  // namespace hearth::dialect::openai
