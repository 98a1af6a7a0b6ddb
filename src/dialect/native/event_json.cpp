#include <cmath>
#include <limits>

#include "base/strings.hpp"
#include "dialect/native/names.hpp"
#include "dialect/native/native.hpp"
#include "json/reader.hpp"
#include "json/writer.hpp"

namespace hearth::dialect::native {
namespace {

using json::Item;
using json::Object;
using json::Writer;

constexpr std::int64_t kInt32Max = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t kInt32Min = std::numeric_limits<std::int32_t>::min();

// Token bytes may be part of a character: such go as base64 under another name.
void write_token_bytes(Writer& w, std::string_view bytes) {
  if (base::is_valid_utf8(bytes))
    w.field("text", bytes);
  else
    w.field("bytes", base::base64_encode(bytes));
}
std::string read_token_bytes(Object& in) {
  std::string text;
  in.text("text", text);
  if (const auto bytes = in.get("bytes")) text = base::base64_decode(bytes->text()).value_or("");
  return text;
}

// JSON has no infinity: what is impossible has no field.
void write_probability(Writer& w, double logprob) {
  if (std::isfinite(logprob)) w.field("logprob", logprob);
}
double read_probability(Object& in) {
  constexpr double kAny = std::numeric_limits<double>::max();
  double out = -std::numeric_limits<double>::infinity();
  in.number("logprob", out, -kAny, kAny);
  return out;
}

void write_logprob(Writer& w, const domain::TokenLogprob& l) {
  w.begin_object();
  write_token_bytes(w, l.text);
  w.field("id", l.id);
  write_probability(w, l.logprob);
  if (l.first) w.field("first", true);
  w.key("top").begin_array();
  for (const auto& t : l.top) {
    w.begin_object();
    write_token_bytes(w, t.text);
    w.field("id", t.id);
    write_probability(w, t.logprob);
    w.end_object();
  }
  w.end_array().end_object();
}
domain::TokenLogprob read_logprob(Object& in) {
  domain::TokenLogprob l{.text = read_token_bytes(in)};
  in.integer("id", l.id, kInt32Min, kInt32Max);
  l.logprob = read_probability(in);
  in.boolean("first", l.first);
  in.each("top", [&](const Item& item) {
    item.object([&](Object& o) {
      domain::TokenLogprob::Alternative a{.text = read_token_bytes(o)};
      o.integer("id", a.id, kInt32Min, kInt32Max);
      a.logprob = read_probability(o);
      l.top.push_back(std::move(a));
    });
  });
  return l;
}

void write_error_fields(Writer& w, const Error& e) {
  w.begin_object().field("code", base::traits(e.code).name).field("message", e.message);
  if (!e.param.empty()) w.field("param", e.param);
  if (e.retry_after) w.field("retry_after_s", e.retry_after->count());
  w.end_object();
}
Error read_error_fields(Object& in) {
  Error e;
  std::string code;
  in.text("code", code);
  e.code = base::error_code_from_name(code);
  in.text("message", e.message);
  in.text("param", e.param);
  if (const auto item = in.get("retry_after_s")) e.retry_after = std::chrono::seconds(item->integer(0, 86400));
  return e;
}

struct EventWriter {
  Writer& w;
  Writer& open(std::string_view name) const { return w.key(name).begin_object(); }
  void operator()(const domain::Started& e) const {
    open("started").field("id", e.id).field("model", e.model).field("served_by", e.served_by).field("device", e.device);
    w.field("prompt_tokens", e.prompt_tokens).field("cached_tokens", e.cached_tokens);
    w.field("queued", e.queued.count()).end_object();
  }
  void operator()(const domain::BlockOpened& e) const {
    open("block_opened").field("choice", e.choice).field("index", e.index).field("kind", name_of(kBlocks, e.kind));
    if (!e.tool_id.empty()) w.field("tool_id", e.tool_id);
    if (!e.tool_name.empty()) w.field("tool_name", e.tool_name);
    w.end_object();
  }
  void operator()(const domain::Delta& e) const {
    open("delta").field("choice", e.choice).field("index", e.index).field("text", e.text).field("tokens", e.tokens);
    if (!e.logprobs.empty()) {
      w.key("logprobs").begin_array();
      for (const auto& l : e.logprobs) write_logprob(w, l);
      w.end_array();
    }
    w.end_object();
  }
  void operator()(const domain::BlockClosed& e) const {
    open("block_closed").field("choice", e.choice).field("index", e.index);
    if (!e.signature.empty()) w.field("signature", e.signature);
    w.end_object();
  }
  void operator()(const domain::ChoiceFinished& e) const {
    open("choice_finished").field("choice", e.choice).field("reason", name_of(kReasons, e.reason));
    if (!e.stop_sequence.empty()) w.field("stop_sequence", e.stop_sequence);
    w.end_object();
  }
  void operator()(const domain::Finished& e) const {
    open("finished").key("usage").begin_object().field("prompt", e.usage.prompt).field("cached", e.usage.cached);
    w.field("completion", e.usage.completion).field("reasoning", e.usage.reasoning).field("dropped", e.usage.dropped);
    w.field("source", name_of(kSources, e.usage.source)).end_object();
    w.key("timings_ns")
        .begin_object()
        .field("queued", e.timings.queued.count())
        .field("loaded", e.timings.loaded.count());
    w.field("prompt", e.timings.prompt.count()).field("first_token", e.timings.first_token.count());
    w.field("decode", e.timings.decode.count()).end_object().end_object();
  }
  void operator()(const domain::Failed& e) const {
    w.key("failed");
    write_error_fields(w, e.error);
  }
  void operator()(const domain::Embedded& e) const {
    open("embedded").field("index", e.index);
    if (e.token) w.field("token", *e.token);
    w.key("values").array(e.values).end_object();
  }
  void operator()(const domain::Ranked& e) const {
    open("ranked").field("index", e.index).field("score", e.score).end_object();
  }
  void operator()(const domain::Classified& e) const {
    open("classified").field("index", e.index).key("classes").begin_array();
    for (const auto& c : e.classes) w.begin_object().field("label", c.label).field("score", c.score).end_object();
    w.end_array().end_object();
  }
  void operator()(const domain::Tokenized& e) const {
    open("tokenized").key("tokens").begin_array();
    for (const auto t : e.tokens) w.value(t);
    w.end_array().key("pieces").begin_array();
    for (const auto& p : e.pieces) {
      w.begin_object();
      write_token_bytes(w, p);
      w.end_object();
    }
    w.end_array().end_object();
  }
  void operator()(const domain::Rendered& e) const {
    open("rendered").field("text", e.text).field("tokens", e.tokens).end_object();
  }
};

void read_address(Object& in, std::int32_t& choice, std::int32_t& index) {
  in.integer("choice", choice, 0, kInt32Max);
  in.integer("index", index, 0, kInt32Max);
}

template <class E, std::size_t N>
void read_name(Object& in, std::string_view key, const Names<E, N>& names, E& out) {
  std::string text;
  in.text(key, text);
  if (const auto value = value_of(names, text))
    out = *value;
  else
    in.fail(key, "is not a known name");
}

void read_nanoseconds(Object& in, std::string_view key, std::chrono::nanoseconds& out) {
  if (const auto item = in.get(key)) out = std::chrono::nanoseconds(item->integer());
}

domain::Finished read_finished(Object& in) {
  domain::Finished e;
  in.object("usage", [&](Object& u) {
    u.integer("prompt", e.usage.prompt, 0, kInt32Max);
    u.integer("cached", e.usage.cached, 0, kInt32Max);
    u.integer("completion", e.usage.completion, 0, kInt32Max);
    u.integer("reasoning", e.usage.reasoning, 0, kInt32Max);
    u.integer("dropped", e.usage.dropped, 0, kInt32Max);
    read_name(u, "source", kSources, e.usage.source);
  });
  in.object("timings_ns", [&](Object& t) {
    read_nanoseconds(t, "queued", e.timings.queued);
    read_nanoseconds(t, "loaded", e.timings.loaded);
    read_nanoseconds(t, "prompt", e.timings.prompt);
    read_nanoseconds(t, "first_token", e.timings.first_token);
    read_nanoseconds(t, "decode", e.timings.decode);
  });
  return e;
}

domain::Tokenized read_tokenized(Object& in) {
  domain::Tokenized e;
  in.each("tokens",
          [&](const Item& t) { e.tokens.push_back(static_cast<domain::Token>(t.integer(kInt32Min, kInt32Max))); });
  in.each("pieces", [&](const Item& p) { p.object([&](Object& o) { e.pieces.push_back(read_token_bytes(o)); }); });
  return e;
}

domain::Delta read_delta(Object& in) {
  domain::Delta e;
  read_address(in, e.choice, e.index);
  in.text("text", e.text);
  in.integer("tokens", e.tokens, 0, kInt32Max);
  in.each("logprobs", [&](const Item& l) { l.object([&](Object& o) { e.logprobs.push_back(read_logprob(o)); }); });
  return e;
}

float read_score(Object& in) {
  const auto score = in.require("score");
  return score ? static_cast<float>(score->number()) : 0;
}

domain::Classified read_classified(Object& in) {
  domain::Classified e;
  in.integer("index", e.index, 0, kInt32Max);
  in.each("classes", [&](const Item& c) {
    c.object([&](Object& o) {
      std::string label;
      o.text("label", label);
      e.classes.push_back({.label = std::move(label), .score = read_score(o)});
    });
  });
  return e;
}

void read_event_fields(Object& in, std::optional<domain::Event>& out) {
  in.object("delta", [&](Object& o) { out = read_delta(o); });
  if (out) return;
  in.object("started", [&](Object& o) {
    domain::Started e;
    o.text("id", e.id);
    o.text("model", e.model);
    o.text("served_by", e.served_by);
    o.text("device", e.device);
    o.integer("prompt_tokens", e.prompt_tokens, 0, kInt32Max);
    o.integer("cached_tokens", e.cached_tokens, 0, kInt32Max);
    read_nanoseconds(o, "queued", e.queued);
    out = std::move(e);
  });
  in.object("block_opened", [&](Object& o) {
    domain::BlockOpened e;
    read_address(o, e.choice, e.index);
    read_name(o, "kind", kBlocks, e.kind);
    o.text("tool_id", e.tool_id);
    o.text("tool_name", e.tool_name);
    out = std::move(e);
  });
  in.object("block_closed", [&](Object& o) {
    domain::BlockClosed e;
    read_address(o, e.choice, e.index);
    o.text("signature", e.signature);
    out = std::move(e);
  });
  in.object("choice_finished", [&](Object& o) {
    domain::ChoiceFinished e;
    o.integer("choice", e.choice, 0, kInt32Max);
    read_name(o, "reason", kReasons, e.reason);
    o.text("stop_sequence", e.stop_sequence);
    out = std::move(e);
  });
  in.object("finished", [&](Object& o) { out = read_finished(o); });
  in.object("failed", [&](Object& o) { out = domain::Failed{read_error_fields(o)}; });
  in.object("embedded", [&](Object& o) {
    domain::Embedded e;
    o.integer("index", e.index, 0, kInt32Max);
    o.optional_integer("token", e.token, 0, kInt32Max);
    o.each("values", [&](const Item& v) { e.values.push_back(static_cast<float>(v.number())); });
    out = std::move(e);
  });
  in.object("ranked", [&](Object& o) {
    domain::Ranked e;
    o.integer("index", e.index, 0, kInt32Max);
    e.score = read_score(o);
    out = e;
  });
  in.object("classified", [&](Object& o) { out = read_classified(o); });
  in.object("tokenized", [&](Object& o) { out = read_tokenized(o); });
  in.object("rendered", [&](Object& o) {
    domain::Rendered e;
    o.text("text", e.text);
    o.integer("tokens", e.tokens, 0, kInt32Max);
    out = std::move(e);
  });
}

}  // namespace

std::string write_event(const domain::Event& event) {
  Writer w;
  w.begin_object();
  std::visit(EventWriter{w}, event);
  w.end_object();
  return std::move(w).take();
}

Result<domain::Event> read_event(std::string_view text) {
  std::optional<domain::Event> event;
  HEARTH_TRY(const auto report, json::read_object(text, [&](Object& in) { read_event_fields(in, event); }));
  (void)report;
  if (!event) return fail(ErrorCode::kBackendError, "the peer sent an event that this version does not know");
  return std::move(*event);
}

std::string write_error(const Error& error) {
  Writer w;
  w.begin_object().key("error");
  write_error_fields(w, error);
  w.end_object();
  return std::move(w).take();
}

Error read_error(std::string_view text, std::string_view fallback) {
  std::optional<Error> error;
  const auto report = json::read_object(text, [&](Object& in) {
    const auto item = in.get("error");
    if (!item) return;
    if (item->is_string())
      error = Error{.code = ErrorCode::kBackendError, .message = item->text()};  // as Ollama says it
    else
      item->object([&](Object& o) { error = read_error_fields(o); });
  });
  if (report && error) return std::move(*error);
  return Error{.code = ErrorCode::kBackendError, .message = std::string(fallback)};
}

}  // namespace hearth::dialect::native
