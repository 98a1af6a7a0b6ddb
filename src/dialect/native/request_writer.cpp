#include "base/strings.hpp"
#include "dialect/native/names.hpp"
#include "dialect/native/native.hpp"
#include "json/writer.hpp"

namespace hearth::dialect::native {
namespace {

using json::Writer;

void write_tokens(Writer& w, const domain::Tokens& tokens) {
  w.begin_array();
  for (const auto t : tokens) w.value(t);
  w.end_array();
}

void write_map(Writer& w, std::string_view key, const std::map<std::string, std::string>& map) {
  if (map.empty()) return;
  w.key(key).begin_object();
  for (const auto& [k, v] : map) w.field(k, v);
  w.end_object();
}

void write_envelope(Writer& w, const domain::Envelope& e) {
  w.field("model", e.model);
  if (e.keep_alive) w.field("keep_alive_ns", e.keep_alive->count());
  if (e.priority != Priority::kNormal) w.field("priority", name_of(kPriorities, e.priority));
  write_map(w, "labels", e.labels);
  if (e.strict) w.field("strict", true);
  if (e.context_tokens) w.field("context_tokens", *e.context_tokens);
}

struct PartWriter {
  Writer& w;
  void operator()(const domain::TextPart& p) const { w.field("text", p.text); }
  void operator()(const domain::ImagePart& p) const {
    w.key("image").begin_object().field("data", base::base64_encode(p.data)).field("media_type", p.media_type);
    w.field("url", p.url).end_object();
  }
  void operator()(const domain::AudioPart& p) const {
    w.key("audio").begin_object().field("data", base::base64_encode(p.data)).field("format", p.format).end_object();
  }
  void operator()(const domain::FilePart& p) const {
    w.key("file").begin_object().field("data", base::base64_encode(p.data)).field("media_type", p.media_type);
    w.field("name", p.name).field("url", p.url).end_object();
  }
  void operator()(const domain::ToolCallPart& p) const {
    w.key("tool_call")
        .begin_object()
        .field("id", p.id)
        .field("name", p.name)
        .field("arguments", p.arguments)
        .end_object();
  }
  void operator()(const domain::ToolResultPart& p) const {
    w.key("tool_result").begin_object().field("id", p.id).field("name", p.name).field("text", p.text);
    w.field("is_error", p.is_error).end_object();
  }
  void operator()(const domain::ThinkingPart& p) const {
    w.key("thinking").begin_object().field("text", p.text).field("signature", p.signature).end_object();
  }
  void operator()(const domain::RefusalPart& p) const { w.field("refusal", p.text); }
};

// What was not there from the first version on is written where it says something.
void write_further_samplers(Writer& w, const domain::Sampling& s) {
  static const domain::Sampling kNeutral;
  const auto field = [&](std::string_view key, const auto& value, const auto& neutral) {
    if (value != neutral) w.field(key, value);
  };
  field("dynatemp_range", s.dynatemp_range, kNeutral.dynatemp_range);
  field("dynatemp_exponent", s.dynatemp_exponent, kNeutral.dynatemp_exponent);
  field("top_n_sigma", s.top_n_sigma, kNeutral.top_n_sigma);
  field("xtc_probability", s.xtc_probability, kNeutral.xtc_probability);
  field("xtc_threshold", s.xtc_threshold, kNeutral.xtc_threshold);
  field("mirostat", s.mirostat, kNeutral.mirostat);
  field("mirostat_tau", s.mirostat_tau, kNeutral.mirostat_tau);
  field("mirostat_eta", s.mirostat_eta, kNeutral.mirostat_eta);
  field("adaptive_target", s.adaptive_target, kNeutral.adaptive_target);
  field("adaptive_decay", s.adaptive_decay, kNeutral.adaptive_decay);
  field("min_keep", s.min_keep, kNeutral.min_keep);
  if (s.dry != kNeutral.dry) {
    w.key("dry").begin_object().field("multiplier", s.dry.multiplier).field("base", s.dry.base);
    w.field("allowed_length", s.dry.allowed_length).field("penalty_last_n", s.dry.penalty_last_n);
    w.key("sequence_breakers").begin_array();
    for (const auto& text : s.dry.sequence_breakers) w.value(text);
    w.end_array().end_object();
  }
  if (s.samplers != kNeutral.samplers) {
    w.key("samplers").begin_array();
    for (const auto stage : s.samplers) w.value(domain::name_of(stage));
    w.end_array();
  }
}

void write_sampling(Writer& w, const domain::Sampling& s) {
  w.key("sampling").begin_object();
  w.field("temperature", s.temperature).field("top_k", s.top_k).field("top_p", s.top_p).field("min_p", s.min_p);
  w.field("typical_p", s.typical_p)
      .field("repeat_penalty", s.repeat_penalty)
      .field("presence_penalty", s.presence_penalty);
  w.field("frequency_penalty", s.frequency_penalty).field("repeat_last_n", s.repeat_last_n);
  write_further_samplers(w, s);
  if (!s.logit_bias.empty()) {
    w.key("logit_bias").begin_array();
    for (const auto& [token, bias] : s.logit_bias) w.begin_array().value(token).value(bias).end_array();
    w.end_array();
  }
  if (s.seed) w.field("seed", std::to_string(*s.seed));  // 64 bits do not survive as a JSON number everywhere
  if (s.ignore_eos) w.field("ignore_eos", true);
  w.end_object();
}

void write_generation(Writer& w, const domain::Generation& g) {
  w.key("given").begin_array();
  for (const auto& [name, parameter] : domain::kParameterNames) {
    if (g.given.has(parameter)) w.value(name);
  }
  w.end_array();
  write_sampling(w, g.sampling);
  if (!g.stop.empty()) {
    w.key("stop").begin_array();
    for (const auto& s : g.stop) w.value(s);
    w.end_array();
  }
  if (g.max_tokens) w.field("max_tokens", *g.max_tokens);
  if (g.n != 1) w.field("n", g.n);
  if (g.logprobs) w.field("logprobs", true).field("top_logprobs", g.top_logprobs);
  if (g.truncate) w.field("truncate", true);
  if (g.shift) w.field("shift", *g.shift);
  if (g.keep_tokens != 0) w.field("keep_tokens", g.keep_tokens);
}

void write_format(Writer& w, const domain::ResponseFormat& f) {
  if (f == domain::ResponseFormat{}) return;
  w.key("response_format").begin_object().field("kind", name_of(kFormats, f.kind)).field("text", f.text);
  w.field("name", f.name).field("strict", f.strict).field("field", f.field).end_object();
}

void write_inputs(Writer& w, std::string_view key,
                  const std::vector<std::variant<std::string, domain::Tokens>>& inputs) {
  w.key(key).begin_array();
  for (const auto& input : inputs) {
    if (const auto* text = std::get_if<std::string>(&input))
      w.value(*text);
    else
      write_tokens(w, std::get<domain::Tokens>(input));
  }
  w.end_array();
}

void write_tools(Writer& w, const domain::ChatRequest& r) {
  if (!r.tools.empty()) {
    w.key("tools").begin_array();
    for (const auto& t : r.tools) {
      w.begin_object().field("name", t.name).field("description", t.description).field("parameters", t.parameters);
      w.field("strict", t.strict).end_object();
    }
    w.end_array();
  }
  if (r.tool_choice != domain::ToolChoice{}) {
    w.key("tool_choice").begin_object().field("mode", name_of(kToolModes, r.tool_choice.mode));
    w.field("name", r.tool_choice.name).field("parallel", r.tool_choice.parallel).end_object();
  }
}

void write_chat(Writer& w, const domain::ChatRequest& r) {
  write_envelope(w, r.envelope);
  w.key("messages").begin_array();
  for (const auto& m : r.messages) {
    w.begin_object().field("role", name_of(kRoles, m.role)).key("parts").begin_array();
    for (const auto& part : m.parts) {
      w.begin_object();
      std::visit(PartWriter{w}, part);
      w.end_object();
    }
    w.end_array().end_object();
  }
  w.end_array();
  write_tools(w, r);
  write_format(w, r.response_format);
  if (r.reasoning != domain::Reasoning{}) {
    w.key("reasoning").begin_object().field("effort", name_of(kEfforts, r.reasoning.effort));
    if (r.reasoning.budget_tokens) w.field("budget_tokens", *r.reasoning.budget_tokens);
    w.field("hidden", r.reasoning.hidden).field("required", r.reasoning.required).end_object();
  }
  write_generation(w, r.generation);
  if (r.conversation) {
    w.key("conversation")
        .begin_object()
        .field("id", r.conversation->id)
        .field("reset", r.conversation->reset)
        .end_object();
  }
  if (!r.template_override.empty()) w.field("template_override", r.template_override);
  write_map(w, "template_arguments", r.template_arguments);
}

struct RequestWriter {
  Writer& w;
  void operator()(const domain::ChatRequest& r) const {
    w.field("kind", "chat");
    write_chat(w, r);
  }
  void operator()(const domain::RenderRequest& r) const {
    w.field("kind", "render");
    write_chat(w, r.chat);
  }
  void operator()(const domain::CompletionRequest& r) const {
    w.field("kind", "completion");
    write_envelope(w, r.envelope);
    write_inputs(w, "prompts", r.prompts);
    if (r.infill) w.field("infill", true).field("suffix", r.suffix);
    if (!r.files.empty()) {
      w.key("files").begin_array();
      for (const auto& f : r.files) w.begin_object().field("name", f.name).field("text", f.text).end_object();
      w.end_array();
    }
    if (r.echo) w.field("echo", true);
    write_format(w, r.response_format);
    write_generation(w, r.generation);
  }
  void operator()(const domain::EmbedRequest& r) const {
    w.field("kind", "embed");
    write_envelope(w, r.envelope);
    write_inputs(w, "inputs", r.inputs);
    if (r.dimensions) w.field("dimensions", *r.dimensions);
    w.field("normalize", r.normalize).field("truncate", r.truncate);
    if (r.pooling) w.field("pooling", name_of(kPoolings, *r.pooling));
  }
  void operator()(const domain::RerankRequest& r) const {
    w.field("kind", "rerank");
    write_envelope(w, r.envelope);
    w.field("query", r.query).key("documents").begin_array();
    for (const auto& d : r.documents) w.value(d);
    w.end_array();
    if (r.top_n) w.field("top_n", *r.top_n);
    if (r.document_tokens) w.field("document_tokens", *r.document_tokens);
    w.field("raw_scores", r.raw_scores).field("truncate", r.truncate);
  }
  void operator()(const domain::ClassifyRequest& r) const {
    w.field("kind", "classify");
    write_envelope(w, r.envelope);
    w.key("inputs").begin_array();
    for (const auto& input : r.inputs) {
      w.begin_object().field("text", input.text);
      if (input.pair) w.field("pair", *input.pair);
      w.end_object();
    }
    w.end_array().field("raw_scores", r.raw_scores).field("truncate", r.truncate);
  }
  void operator()(const domain::TokenizeRequest& r) const {
    w.field("kind", "tokenize");
    write_envelope(w, r.envelope);
    w.field("text", r.text).field("add_special", r.add_special).field("parse_special", r.parse_special);
  }
  void operator()(const domain::DetokenizeRequest& r) const {
    w.field("kind", "detokenize");
    write_envelope(w, r.envelope);
    w.key("tokens");
    write_tokens(w, r.tokens);
  }
};

}  // namespace

std::string write_request(const domain::Request& request) {
  Writer w;
  w.begin_object();
  std::visit(RequestWriter{w}, request);
  w.end_object();
  return std::move(w).take();
}

}  // namespace hearth::dialect::native
