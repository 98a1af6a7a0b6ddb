#include "dialect/common/parse.hpp"
#include "dialect/ollama/ollama.hpp"
#include "dialect/ollama/parse.hpp"
#include "dialect/ollama/render.hpp"
#include "domain/json/settings_json.hpp"
#include "domain/template_language.hpp"

namespace hearth::dialect::ollama {
namespace {

using common::kInt32Max;
using json::Object;

void read_embed_common(Object& in, domain::EmbedRequest& out) {
  common::read_model(in, "model", out.envelope.model);
  common::read_keep_alive(in, out.envelope);
  domain::Generation unused;  // samplers mean nothing here; their types are checked all the same
  read_options(in, unused, out.envelope);
}

// model, or its older name.
void read_either_name(Object& in, std::string& out) {
  const bool older = !in.has("model") && in.has("name");
  common::read_model(in, older ? "name" : "model", out);
  in.accept("name");
}

}  // namespace

Result<Call> parse_embed(std::string_view body, const Edge& edge) {
  domain::EmbedRequest request{.truncate = true};
  HEARTH_TRY(json::Report report, json::read_object(body, [&](Object& in) {
               read_embed_common(in, request);
               if (const auto input = in.get("input")) {
                 if (input->is_string() && !input->text().empty()) {
                   request.inputs.emplace_back(input->text());
                 } else if (input->is_array()) {
                   for (auto& text : common::read_texts(*input)) request.inputs.emplace_back(std::move(text));
                 } else if (!input->is_string()) {
                   input->fail("must be a string or an array of strings");
                 }
               }
               in.boolean("truncate", request.truncate);
               in.optional_integer("dimensions", request.dimensions, 1, kInt32Max);
             }));
  Call call{.names = {{"context_tokens", "options.num_ctx"}},
            .ignored = std::move(report.ignored),
            .framing = Framing::kNdjson};
  call.renderer = embed_renderer({.edge = edge, .model = request.envelope.model});
  call.request = std::move(request);
  return call;
}

Result<Call> parse_embeddings(std::string_view body, const Edge& /*edge*/) {
  domain::EmbedRequest request;
  HEARTH_TRY(json::Report report, json::read_object(body, [&](Object& in) {
               read_embed_common(in, request);
               std::string prompt;
               in.text("prompt", prompt);
               if (!prompt.empty()) request.inputs.emplace_back(std::move(prompt));
             }));
  return Call{.request = std::move(request),
              .names = {{"context_tokens", "options.num_ctx"}},
              .ignored = std::move(report.ignored),
              .framing = Framing::kNdjson,
              .renderer = legacy_embedding_renderer()};
}

Result<ShowCall> parse_show(std::string_view body) {
  ShowCall call;
  HEARTH_TRY(json::Report report, json::read_object(body, [&](Object& in) {
               read_either_name(in, call.model);
               in.boolean("verbose", call.verbose);
               in.ignore({"system", "template", "options"});
             }));
  call.ignored = std::move(report.ignored);
  return call;
}

Result<PullCall> parse_pull(std::string_view body) {
  PullCall call;
  HEARTH_TRY(json::Report report, json::read_object(body, [&](Object& in) {
               call.reference =
                   in.has("model") || !in.has("name") ? in.required_text("model") : in.required_text("name");
               in.accept("name");
               in.boolean("stream", call.stream);
               bool insecure = false;
               in.boolean("insecure", insecure);
               if (insecure) in.ignore("insecure");
               in.ignore({"username", "password"});
             }));
  call.ignored = std::move(report.ignored);
  return call;
}

namespace {

// What the model is to be made of: one of three.
void read_base(Object& in, CreateCall& call) {
  in.text("from", call.from);
  in.text("modelfile", call.modelfile);
  in.object("files", [&](Object& files) {
    for (const auto& name : files.keys()) files.text(name, call.files[name]);
  });
  if (int{!call.from.empty()} + int{!call.modelfile.empty()} + int{!call.files.empty()} != 1)
    in.fail("from", "must name a model to begin with (or send files or a modelfile, one of the three)");
}

}  // namespace

Result<CreateCall> parse_create(std::string_view body) {
  CreateCall call;
  auto& settings = call.settings;
  HEARTH_TRY(json::Report report, json::read_object(body, [&](Object& in) {
               read_either_name(in, call.model);
               read_base(in, call);
               in.boolean("stream", call.stream);
               in.object("parameters", [&](Object& parameters) { domain::read_parameters(parameters, settings); });
               in.text("system", settings.system);
               in.text("quantize", call.quantize);
               in.text("template", settings.chat_template);
               if (const auto messages = in.get("messages"))
                 domain::read_settings_messages(*messages, settings.messages);
               if (const auto license = in.get("license")) {
                 const auto texts = license->is_array() ? common::read_texts(*license) : std::vector{license->text()};
                 for (const auto& text : texts) settings.license += (settings.license.empty() ? "" : "\n\n") + text;
               }
               for (const auto* name : {"adapters", "draft_files", "draft_quantize", "remote_host"}) {
                 if (in.has(name)) in.fail(name, "is not supported by this version");
                 in.accept(name);
               }
               in.ignore({"renderer", "parser", "requires", "info"});
               if (in.has("renderer") && domain::is_go_template(settings.chat_template)) {  // a stand-in, then
                 settings.chat_template.clear();
                 in.ignore("template");
               }
             }));
  call.ignored = std::move(report.ignored);
  return call;
}

Result<CopyCall> parse_copy(std::string_view body) {
  CopyCall call;
  HEARTH_TRY(json::Report report, json::read_object(body, [&](Object& in) {
               common::read_model(in, "source", call.source);
               common::read_model(in, "destination", call.destination);
             }));
  call.ignored = std::move(report.ignored);
  return call;
}

Result<DeleteCall> parse_delete(std::string_view body) {
  DeleteCall call;
  HEARTH_TRY(json::Report report, json::read_object(body, [&](Object& in) { read_either_name(in, call.model); }));
  call.ignored = std::move(report.ignored);
  return call;
}

}  // namespace hearth::dialect::ollama
