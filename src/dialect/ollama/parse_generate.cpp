#include <utility>

#include "dialect/common/parse.hpp"
#include "dialect/ollama/ollama.hpp"
#include "dialect/ollama/parse.hpp"
#include "dialect/ollama/render.hpp"
#include "domain/template_language.hpp"

namespace hearth::dialect::ollama {
namespace {

using domain::Message;
using domain::Role;
using json::Object;

// What /api/generate asks for, before it is known whether a template is applied.
struct Generate {
  domain::ChatRequest chat;  // everything but the messages
  std::string prompt;
  std::string suffix;
  std::string system;
  std::vector<domain::Part> images;
  bool raw = false;
  bool stream = true;
};

void read_generate(Object& in, Generate& out) {
  out.chat.generation = default_generation();
  read_common(in, out.chat.generation, out.chat.envelope, out.stream);
  in.text("prompt", out.prompt);
  in.text("suffix", out.suffix);
  in.text("system", out.system);
  std::string go_template;  // Ollama knows no others
  in.text("template", go_template);
  if (domain::is_go_template(go_template))
    out.chat.template_override = go_template;
  else if (!go_template.empty())
    in.ignore("template");
  in.boolean("raw", out.raw);
  read_format(in, out.chat.response_format);
  read_think(in, out.chat.reasoning);
  read_images(in, out.images);
  in.ignore("context");
  const bool middle = !out.suffix.empty();
  if (!out.images.empty()) {  // images need a template to stand in
    if (out.raw) in.ignore("raw");
    if (middle) in.ignore("suffix");
  } else if (middle && !out.raw) {
    in.ignore({"system", "think"});
    if (!out.chat.template_override.empty()) in.ignore("template");
  }
  if (out.raw && (!out.system.empty() || !go_template.empty() || in.has("context")))
    in.fail("raw", "mode does not take template, system or context");
}

// Raw text, or the middle between prompt and suffix: no chat template.
domain::CompletionRequest as_completion(Generate&& in) {
  domain::CompletionRequest out;
  out.envelope = std::move(in.chat.envelope);
  out.prompts.emplace_back(std::move(in.prompt));
  out.infill = !in.suffix.empty();
  out.suffix = std::move(in.suffix);
  out.response_format = std::move(in.chat.response_format);
  out.generation = std::move(in.chat.generation);
  return out;
}

domain::ChatRequest as_chat(Generate&& in) {
  if (!in.system.empty()) in.chat.messages.push_back({Role::kSystem, {domain::TextPart{std::move(in.system)}}});
  Message user{Role::kUser, std::move(in.images)};
  if (!in.prompt.empty()) user.parts.emplace_back(domain::TextPart{std::move(in.prompt)});
  in.chat.messages.push_back(std::move(user));
  return std::move(in.chat);
}

bool asks_to_unload(const domain::Envelope& envelope) {
  return envelope.keep_alive && envelope.keep_alive->count() == 0;
}

Call call_of(json::Report&& report, bool stream, const Edge& edge, const domain::ChatRequest& chat, bool chat_route) {
  return {.names = {{"context_tokens", "options.num_ctx"}},
          .ignored = std::move(report.ignored),
          .stream = stream,
          .framing = Framing::kNdjson,
          .renderer = generate_renderer(
              {.edge = edge, .model = chat.envelope.model, .chat = chat_route, .logprobs = chat.generation.logprobs})};
}

}  // namespace

Result<OllamaCall> parse_generate(std::string_view body, const Edge& edge) {
  Generate in;
  HEARTH_TRY(json::Report report, json::read_object(body, [&](Object& object) { read_generate(object, in); }));
  OllamaCall out{.call = call_of(std::move(report), in.stream, edge, in.chat, false)};
  out.load_only = in.prompt.empty() && in.suffix.empty() && in.images.empty();
  out.unload = out.load_only && asks_to_unload(in.chat.envelope);
  const bool completes = (in.raw || !in.suffix.empty()) && in.images.empty();
  if (completes)
    out.call.request = as_completion(std::move(in));
  else
    out.call.request = as_chat(std::move(in));
  return out;
}

Result<OllamaCall> parse_chat(std::string_view body, const Edge& edge) {
  domain::ChatRequest request{.generation = default_generation()};
  bool stream = true;
  HEARTH_TRY(json::Report report, json::read_object(body, [&](Object& in) {
               read_common(in, request.generation, request.envelope, stream);
               read_messages(in, request.messages);
               read_tools(in, request.tools);
               read_format(in, request.response_format);
               read_think(in, request.reasoning);
             }));
  OllamaCall out{.call = call_of(std::move(report), stream, edge, request, true), .chat = true};
  out.load_only = request.messages.empty();
  out.unload = out.load_only && asks_to_unload(request.envelope);
  out.call.request = std::move(request);
  return out;
}

}  // namespace hearth::dialect::ollama
