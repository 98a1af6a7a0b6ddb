#include <charconv>
#include <limits>

#include "base/strings.hpp"
#include "dialect/native/names.hpp"
#include "dialect/native/native.hpp"
#include "json/reader.hpp"

namespace hearth::dialect::native {
namespace {

using json::Item;
using json::Object;

constexpr std::int64_t kInt32Max = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t kInt32Min = std::numeric_limits<std::int32_t>::min();
constexpr double kAny = std::numeric_limits<double>::max();

template <class E, std::size_t N>
void read_enum(Object& in, std::string_view key, const Names<E, N>& names, E& out) {
  const auto item = in.get(key);
  if (!item) return;
  if (const auto value = value_of(names, item->text()))
    out = *value;
  else
    item->fail("is not a known name");
}

domain::Tokens read_tokens(const Item& item) {
  domain::Tokens out;
  item.each([&](const Item& t) { out.push_back(static_cast<domain::Token>(t.integer(kInt32Min, kInt32Max))); });
  return out;
}

void read_map(Object& in, std::string_view key, std::map<std::string, std::string>& out) {
  const auto item = in.get(key);
  if (!item) return;
  if (!item->is_object()) return item->fail("must be an object");
  for (const auto& [k, v] : item->value().get_object())
    out[k] = Item(v, item->path() + "." + std::string(k), in.report()).text();
}

std::string read_bytes(Object& in, std::string_view key) {
  std::string text;
  in.text(key, text);
  auto bytes = base::base64_decode(text);
  if (!bytes) in.fail(key, "is not base64");
  return std::move(bytes).value_or("");
}

void read_envelope(Object& in, domain::Envelope& e) {
  in.text("model", e.model);
  if (const auto item = in.get("keep_alive_ns")) e.keep_alive = std::chrono::nanoseconds(item->integer());
  read_enum(in, "priority", kPriorities, e.priority);
  read_map(in, "labels", e.labels);
  in.boolean("strict", e.strict);
  in.optional_integer("context_tokens", e.context_tokens, 1, kInt32Max);
}

void read_part(Object& in, std::vector<domain::Part>& out) {
  if (const auto text = in.get("text")) out.emplace_back(domain::TextPart{text->text()});
  if (const auto text = in.get("refusal")) out.emplace_back(domain::RefusalPart{text->text()});
  in.object("image", [&](Object& o) {
    domain::ImagePart p{.data = read_bytes(o, "data"), .media_type = {}, .url = {}};
    o.text("media_type", p.media_type);
    o.text("url", p.url);
    out.emplace_back(std::move(p));
  });
  in.object("audio", [&](Object& o) {
    domain::AudioPart p{.data = read_bytes(o, "data"), .format = {}};
    o.text("format", p.format);
    out.emplace_back(std::move(p));
  });
  in.object("file", [&](Object& o) {
    domain::FilePart p{.data = read_bytes(o, "data"), .media_type = {}, .name = {}, .url = {}};
    o.text("media_type", p.media_type);
    o.text("name", p.name);
    o.text("url", p.url);
    out.emplace_back(std::move(p));
  });
  in.object("tool_call", [&](Object& o) {
    domain::ToolCallPart p;
    o.text("id", p.id);
    o.text("name", p.name);
    o.text("arguments", p.arguments);
    out.emplace_back(std::move(p));
  });
  in.object("tool_result", [&](Object& o) {
    domain::ToolResultPart p;
    o.text("id", p.id);
    o.text("name", p.name);
    o.text("text", p.text);
    o.boolean("is_error", p.is_error);
    out.emplace_back(std::move(p));
  });
  in.object("thinking", [&](Object& o) {
    domain::ThinkingPart p;
    o.text("text", p.text);
    o.text("signature", p.signature);
    out.emplace_back(std::move(p));
  });
}

void read_further_samplers(Object& in, domain::Sampling& s) {
  in.number("dynatemp_range", s.dynatemp_range, -kAny, kAny);
  in.number("dynatemp_exponent", s.dynatemp_exponent, -kAny, kAny);
  in.number("top_n_sigma", s.top_n_sigma, -kAny, kAny);
  in.number("xtc_probability", s.xtc_probability, 0, kAny);
  in.number("xtc_threshold", s.xtc_threshold, 0, kAny);
  in.integer("mirostat", s.mirostat, 0, 2);
  in.number("mirostat_tau", s.mirostat_tau, 0, kAny);
  in.number("mirostat_eta", s.mirostat_eta, 0, kAny);
  in.number("adaptive_target", s.adaptive_target, -kAny, kAny);
  in.number("adaptive_decay", s.adaptive_decay, 0, kAny);
  in.integer("min_keep", s.min_keep, 0, kInt32Max);
  in.object("dry", [&s](Object& o) {
    o.number("multiplier", s.dry.multiplier, 0, kAny);
    o.number("base", s.dry.base, 0, kAny);
    o.integer("allowed_length", s.dry.allowed_length, 0, kInt32Max);
    o.integer("penalty_last_n", s.dry.penalty_last_n, -1, kInt32Max);
    if (const auto texts = o.get("sequence_breakers")) {
      s.dry.sequence_breakers.clear();
      texts->each([&s](const Item& text) { s.dry.sequence_breakers.push_back(text.text()); });
    }
  });
  if (const auto chain = in.get("samplers")) {
    s.samplers.clear();
    chain->each([&s](const Item& name) {
      if (const auto stage = domain::sampler_from_name(name.text()))
        s.samplers.push_back(*stage);
      else
        name.fail("is not a known name");
    });
  }
}

void read_sampling(Object& in, domain::Sampling& s) {
  in.number("temperature", s.temperature, 0, kAny);
  in.integer("top_k", s.top_k, kInt32Min, kInt32Max);
  in.number("top_p", s.top_p, 0, kAny);
  in.number("min_p", s.min_p, 0, kAny);
  in.number("typical_p", s.typical_p, 0, kAny);
  in.number("repeat_penalty", s.repeat_penalty, 0, kAny);
  in.number("presence_penalty", s.presence_penalty, -kAny, kAny);
  in.number("frequency_penalty", s.frequency_penalty, -kAny, kAny);
  in.integer("repeat_last_n", s.repeat_last_n, -1, kInt32Max);
  read_further_samplers(in, s);
  in.each("logit_bias", [&](const Item& pair) {
    std::optional<domain::Token> token;
    std::optional<double> bias;
    std::size_t count = 0;
    pair.each([&](const Item& v) {
      if (++count == 1) token = static_cast<domain::Token>(v.integer(kInt32Min, kInt32Max));
      if (count == 2) bias = v.number();
    });
    if (count != 2) return pair.fail("must be [token, bias]");
    s.logit_bias[*token] = *bias;
  });
  if (const auto item = in.get("seed")) {
    const std::string text = item->text();
    std::uint64_t seed = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
    if (error != std::errc{} || end != text.data() + text.size()) item->fail("is not a number");
    s.seed = seed;
  }
  in.boolean("ignore_eos", s.ignore_eos);
}

void read_generation(Object& in, domain::Generation& g) {
  const auto note_given = [&](const Object& o) {
    for (const auto& [name, parameter] : domain::kParameterNames) {
      if (o.has(name)) g.given.add(parameter);
    }
  };
  in.object("sampling", [&](Object& o) {
    note_given(o);
    read_sampling(o, g.sampling);
  });
  note_given(in);
  if (in.has("max_tokens")) g.given.add(domain::Parameter::kMaxTokens);
  if (in.has("keep_tokens")) g.given.add(domain::Parameter::kKeepTokens);
  if (in.has("given")) g.given = {};  // the writer says so itself
  in.each("given", [&](const Item& item) {
    const std::string text = item.text();
    for (const auto& [name, parameter] : domain::kParameterNames) {
      if (name == text) g.given.add(parameter);
    }
  });
  in.each("stop", [&](const Item& s) { g.stop.push_back(s.text()); });
  in.optional_integer("max_tokens", g.max_tokens, 0, kInt32Max);
  in.integer("n", g.n, 1, 128);
  in.boolean("logprobs", g.logprobs);
  in.integer("top_logprobs", g.top_logprobs, 0, 20);
  in.boolean("truncate", g.truncate);
  if (const auto shift = in.get("shift")) g.shift = shift->boolean();
  in.integer("keep_tokens", g.keep_tokens, -1, kInt32Max);
}

void read_format(Object& in, domain::ResponseFormat& f) {
  in.object("response_format", [&](Object& o) {
    read_enum(o, "kind", kFormats, f.kind);
    o.text("text", f.text);
    o.text("name", f.name);
    o.boolean("strict", f.strict);
    o.text("field", f.field);
  });
}

void read_inputs(Object& in, std::string_view key, std::vector<std::variant<std::string, domain::Tokens>>& out) {
  in.each(key, [&](const Item& item) {
    if (item.is_string())
      out.emplace_back(item.text());
    else
      out.emplace_back(read_tokens(item));
  });
}

void read_tools(Object& in, domain::ChatRequest& r) {
  in.each("tools", [&](const Item& item) {
    item.object([&](Object& o) {
      domain::Tool t;
      o.text("name", t.name);
      o.text("description", t.description);
      o.text("parameters", t.parameters);
      o.boolean("strict", t.strict);
      r.tools.push_back(std::move(t));
    });
  });
  in.object("tool_choice", [&](Object& o) {
    read_enum(o, "mode", kToolModes, r.tool_choice.mode);
    o.text("name", r.tool_choice.name);
    o.boolean("parallel", r.tool_choice.parallel);
  });
}

domain::ChatRequest read_chat(Object& in) {
  domain::ChatRequest r;
  read_envelope(in, r.envelope);
  in.each("messages", [&](const Item& item) {
    item.object([&](Object& o) {
      domain::Message m;
      read_enum(o, "role", kRoles, m.role);
      if (const auto text = o.get("content")) m.parts.emplace_back(domain::TextPart{text->text()});  // short form
      o.each("parts", [&](const Item& p) { p.object([&](Object& part) { read_part(part, m.parts); }); });
      r.messages.push_back(std::move(m));
    });
  });
  read_tools(in, r);
  read_format(in, r.response_format);
  in.object("reasoning", [&](Object& o) {
    read_enum(o, "effort", kEfforts, r.reasoning.effort);
    o.optional_integer("budget_tokens", r.reasoning.budget_tokens, 0, kInt32Max);
    o.boolean("hidden", r.reasoning.hidden);
    o.boolean("required", r.reasoning.required);
  });
  read_generation(in, r.generation);
  in.object("conversation", [&](Object& o) {
    r.conversation.emplace();
    o.text("id", r.conversation->id);
    o.boolean("reset", r.conversation->reset);
  });
  in.text("template_override", r.template_override);
  read_map(in, "template_arguments", r.template_arguments);
  return r;
}

domain::ClassifyRequest read_classify(Object& in) {
  domain::ClassifyRequest r;
  read_envelope(in, r.envelope);
  in.each("inputs", [&](const Item& item) {
    item.object([&](Object& o) {
      auto& input = r.inputs.emplace_back();
      input.text = o.required_text("text");
      if (const auto pair = o.get("pair")) input.pair = pair->text();
    });
  });
  in.boolean("raw_scores", r.raw_scores);
  in.boolean("truncate", r.truncate);
  return r;
}

domain::Request read_by_kind(Object& in) {
  const std::string kind = in.required_text("kind");
  if (kind == "chat") return read_chat(in);
  if (kind == "render") return domain::RenderRequest{read_chat(in)};
  if (kind == "completion") {
    domain::CompletionRequest r;
    read_envelope(in, r.envelope);
    read_inputs(in, "prompts", r.prompts);
    in.boolean("infill", r.infill);
    in.text("suffix", r.suffix);
    in.each("files", [&](const Item& item) {
      item.object([&](Object& file) {
        auto& f = r.files.emplace_back();
        file.text("name", f.name);
        file.text("text", f.text);
      });
    });
    in.boolean("echo", r.echo);
    read_format(in, r.response_format);
    read_generation(in, r.generation);
    return r;
  }
  if (kind == "embed") {
    domain::EmbedRequest r;
    read_envelope(in, r.envelope);
    read_inputs(in, "inputs", r.inputs);
    in.optional_integer("dimensions", r.dimensions, kInt32Min, kInt32Max);
    in.boolean("normalize", r.normalize);
    in.boolean("truncate", r.truncate);
    if (in.has("pooling")) read_enum(in, "pooling", kPoolings, r.pooling.emplace());
    return r;
  }
  if (kind == "rerank") {
    domain::RerankRequest r;
    read_envelope(in, r.envelope);
    in.text("query", r.query);
    in.each("documents", [&](const Item& d) { r.documents.push_back(d.text()); });
    in.optional_integer("top_n", r.top_n, 0, kInt32Max);
    in.optional_integer("document_tokens", r.document_tokens, 1, kInt32Max);
    in.boolean("raw_scores", r.raw_scores);
    in.boolean("truncate", r.truncate);
    return r;
  }
  if (kind == "classify") return read_classify(in);
  if (kind == "tokenize") {
    domain::TokenizeRequest r;
    read_envelope(in, r.envelope);
    in.text("text", r.text);
    in.boolean("add_special", r.add_special);
    in.boolean("parse_special", r.parse_special);
    return r;
  }
  if (kind == "detokenize") {
    domain::DetokenizeRequest r;
    read_envelope(in, r.envelope);
    if (const auto tokens = in.require("tokens")) r.tokens = read_tokens(*tokens);
    return r;
  }
  in.fail("kind", "must be chat, completion, embed, rerank, classify, tokenize, detokenize or render");
  return domain::ChatRequest{};
}

}  // namespace

Result<domain::Request> read_request(std::string_view text, std::vector<std::string>* ignored) {
  domain::Request request;
  HEARTH_TRY(auto report, json::read_object(text, [&](Object& in) { request = read_by_kind(in); }));
  if (ignored != nullptr) *ignored = std::move(report.ignored);
  return request;
}

}  // namespace hearth::dialect::native
