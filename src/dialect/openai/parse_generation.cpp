#include <algorithm>
#include <fmt/format.h>
#include <functional>

#include "base/strings.hpp"
#include "dialect/common/parse.hpp"
#include "dialect/common/samplers.hpp"
#include "dialect/openai/parse.hpp"
#include "json/writer.hpp"

namespace hearth::dialect::openai {
namespace {

using common::kInt32Max;
using json::Item;
using json::Object;

void read_logit_bias(Object& in, std::map<domain::Token, double>& out) {
  const auto item = in.get("logit_bias");
  if (!item) return;
  if (!item->is_object()) return item->object([](Object&) {});  // reports the type
  for (const auto& [key, value] : item->value().get_object()) {
    const Item bias(value, fmt::format("{}.{}", item->path(), std::string_view(key)), item->report());
    const auto token = base::parse_int(key);
    if (!token || *token < 0 || *token > kInt32Max) return bias.fail("must have a token id as its key");
    const double number = bias.number();
    if (!(number >= -100 && number <= 100)) return bias.fail("must be from -100 to 100");
    out[static_cast<domain::Token>(*token)] = number;
  }
}

// Samplers that llama-server and others take beside OpenAI's.
void read_further_samplers(Object& in, domain::Sampling& s) {
  in.integer("top_k", s.top_k, -1, kInt32Max);
  s.top_k = std::max(s.top_k, 0);  // -1 is how vLLM's clients write "all"
  common::read_samplers(in, s);
  in.boolean("ignore_eos", s.ignore_eos);
}

}  // namespace

void read_stream(Object& in, StreamOptions& out) {
  in.boolean("stream", out.stream);
  in.object("stream_options", [&](Object& options) {
    options.boolean("include_usage", out.include_usage);
    bool obfuscate = false;
    options.boolean("include_obfuscation", obfuscate);
    if (obfuscate) options.ignore("include_obfuscation");
  });
}

void read_generation(Object& in, domain::Generation& out) {
  common::note_given(in, out.given);
  auto& s = out.sampling;
  in.number("temperature", s.temperature, 0, 2);
  in.number("top_p", s.top_p, 0, 1);
  in.number("presence_penalty", s.presence_penalty, -2, 2);
  in.number("frequency_penalty", s.frequency_penalty, -2, 2);
  if (const auto seed = in.get("seed")) s.seed = static_cast<std::uint64_t>(seed->integer());
  read_logit_bias(in, s.logit_bias);
  read_further_samplers(in, s);
  common::read_stop(in, "stop", out.stop);
  in.optional_integer("max_tokens", out.max_tokens, 0, kInt32Max);
  if (const auto item = in.get("context_shift")) out.shift = item->boolean();
  in.integer("n_keep", out.keep_tokens, -1, kInt32Max);
  constexpr int kChoicesMax = 128;
  in.integer("n", out.n, 1, kChoicesMax);
}

namespace {

// An answer has one format: of two neither is the one that was meant.
void set_format(Object& in, domain::ResponseFormat format, domain::ResponseFormat& out) {
  if (out.kind != domain::ResponseFormat::Kind::kText)
    return in.report().fail(format.field, fmt::format("cannot be used together with {}", out.field));
  out = std::move(format);
}

}  // namespace

void read_response_format(Object& in, domain::ResponseFormat& given) {
  using Kind = domain::ResponseFormat::Kind;
  domain::ResponseFormat out;
  in.object("response_format", [&](Object& format) {
    const std::string type = format.required_text("type");
    if (type == "text") {
      out.kind = Kind::kText;
    } else if (type == "json_object") {
      out.kind = Kind::kJson;
      if (const auto schema = format.get("schema")) {  // llama-server's form
        out.kind = Kind::kJsonSchema;
        out.text = common::read_object_text(*schema);
      }
    } else if (type == "json_schema") {
      out.kind = Kind::kJsonSchema;
      if (const auto item = format.require("json_schema")) {
        item->object([&](Object& wrapped) {
          wrapped.text("name", out.name);
          wrapped.boolean("strict", out.strict);
          wrapped.ignore("description");
          if (const auto schema = wrapped.require("schema")) out.text = common::read_object_text(*schema);
        });
      }
    } else if (format.has("type")) {
      format.fail("type", "must be \"text\", \"json_object\" or \"json_schema\"");
    }
  });
  if (out.kind != Kind::kText) set_format(in, std::move(out), given);
}

namespace {

std::string schema_text(const Item& item) { return item.is_string() ? item.text() : common::read_object_text(item); }

// A grammar of one of the texts.
std::string choice_grammar(const Item& item) {
  std::string out;
  item.each([&](const Item& choice) {
    out += out.empty() ? "root ::= " : " | ";
    json::append_quoted(out, choice.text());
  });
  if (out.empty()) item.fail("must be a list of texts, of at least one");
  return out;
}

void read_format(Object& in, const char* name, domain::ResponseFormat::Kind kind,
                 const std::function<std::string(const Item&)>& text_of, domain::ResponseFormat& out) {
  const auto item = in.get(name);
  if (!item) return;
  if (std::string text = text_of(*item); !text.empty())
    set_format(in, {.kind = kind, .text = std::move(text), .field = item->path()}, out);
}

}  // namespace

void read_short_formats(Object& in, domain::ResponseFormat& out) {
  using Kind = domain::ResponseFormat::Kind;
  read_format(in, "json_schema", Kind::kJsonSchema, common::read_object_text, out);
  read_format(in, "grammar", Kind::kGrammar, &Item::text, out);
  // vLLM's, by their older and their newer names.
  read_format(in, "guided_json", Kind::kJsonSchema, schema_text, out);
  read_format(in, "guided_grammar", Kind::kGrammar, &Item::text, out);
  read_format(in, "guided_regex", Kind::kRegex, &Item::text, out);
  read_format(in, "guided_choice", Kind::kGrammar, choice_grammar, out);
  in.object("structured_outputs", [&](Object& structured) {
    read_format(structured, "json", Kind::kJsonSchema, schema_text, out);
    read_format(structured, "grammar", Kind::kGrammar, &Item::text, out);
    read_format(structured, "regex", Kind::kRegex, &Item::text, out);
    read_format(structured, "choice", Kind::kGrammar, choice_grammar, out);
    bool json = false;
    structured.boolean("json_object", json);
    if (json) set_format(structured, {.kind = Kind::kJson, .field = structured.path_of("json_object")}, out);
    if (structured.has("structural_tag"))
      structured.fail("structural_tag", "is not supported; use json, grammar, regex or choice");
  });
}

void read_reasoning(Object& in, domain::Reasoning& out) {
  auto read_effort = [&out](const Item& item) {
    const std::string name = item.text();
    if (const auto effort = common::effort_from(name))
      out.effort = *effort;
    else
      item.fail("must be none, minimal, low, medium, high or xhigh");
  };
  in.object("reasoning", [&](Object& reasoning) {  // the form of Responses, which chat clients send too
    if (const auto effort = reasoning.get("effort")) read_effort(*effort);
    reasoning.optional_integer("max_tokens", out.budget_tokens, 0, kInt32Max);
    reasoning.boolean("exclude", out.hidden);
  });
  if (const auto effort = in.get("reasoning_effort")) read_effort(*effort);
}

}  // namespace hearth::dialect::openai
