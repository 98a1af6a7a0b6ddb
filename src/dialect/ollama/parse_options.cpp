#include <algorithm>
#include <cstdint>

#include "dialect/common/parse.hpp"
#include "dialect/common/samplers.hpp"
#include "dialect/ollama/parse.hpp"

namespace hearth::dialect::ollama {
namespace {

using common::kInt32Max;
using json::Object;

constexpr std::int64_t kInt32Min = INT32_MIN;

// Options of Ollama's runner that hearth decides for itself: their type is checked, and they are named as not honoured.
void read_load_options(Object& in) {
  for (const auto* name : {"num_batch", "num_gpu", "main_gpu", "num_thread", "draft_num_predict"}) {
    if (const auto item = in.get(name)) (void)item->integer();
    in.ignore(name);
  }
  for (const auto* name : {"use_mmap", "penalize_newline"}) {
    if (const auto item = in.get(name)) (void)item->boolean();
    in.ignore(name);
  }
  if (const auto item = in.get("tfs_z")) (void)item->number();
  in.ignore("tfs_z");
}

// Negative = no limit of its own. num_predict is the name; max_tokens another for it.
void read_limit(Object& in, std::optional<std::int32_t>& out) {
  for (const auto* name : {"max_tokens", "num_predict"}) {
    const auto item = in.get(name);
    if (!item) continue;
    const auto limit = static_cast<std::int32_t>(item->integer(kInt32Min, kInt32Max));
    out = limit < 0 ? std::nullopt : std::optional(limit);
  }
}

void read_samplers(Object& in, domain::Sampling& s) {
  constexpr double kLarge = 100;
  in.number("temperature", s.temperature, 0, kLarge);
  in.integer("top_k", s.top_k, kInt32Min, kInt32Max);
  s.top_k = std::max(s.top_k, 0);
  in.number("top_p", s.top_p, 0, 1);
  common::read_samplers(in, s);
  in.number("presence_penalty", s.presence_penalty, -kLarge, kLarge);
  in.number("frequency_penalty", s.frequency_penalty, -kLarge, kLarge);
  if (const auto item = in.get("seed")) {
    const std::int64_t seed = item->integer();
    s.seed = seed == -1 ? std::nullopt : std::optional(static_cast<std::uint64_t>(seed));  // -1 = a random one
  }
}

}  // namespace

domain::Generation default_generation() {
  return {.sampling = {.temperature = 0.8, .top_k = 40, .top_p = 0.9, .repeat_penalty = 1.0, .repeat_last_n = 64}};
}

void read_options(Object& in, domain::Generation& generation, domain::Envelope& envelope) {
  in.object("options", [&](Object& options) {
    common::note_given(options, generation.given);
    read_samplers(options, generation.sampling);
    read_limit(options, generation.max_tokens);
    common::read_stop(options, "stop", generation.stop);
    options.optional_integer("num_ctx", envelope.context_tokens, 0, kInt32Max);
    if (envelope.context_tokens == 0) envelope.context_tokens.reset();  // 0 = as the server decides
    options.integer("num_keep", generation.keep_tokens, -1, kInt32Max);
    read_load_options(options);
  });
}

void read_common(Object& in, domain::Generation& generation, domain::Envelope& envelope, bool& stream) {
  common::read_model(in, "model", envelope.model);
  common::read_keep_alive(in, envelope);
  read_options(in, generation, envelope);
  in.boolean("stream", stream);
  in.boolean("truncate", generation.truncate);
  if (const auto shift = in.get("shift")) generation.shift = shift->boolean();
  in.boolean("logprobs", generation.logprobs);
  constexpr int kTopLogprobsMax = 20;
  in.integer("top_logprobs", generation.top_logprobs, 0, kTopLogprobsMax);
  if (generation.top_logprobs > 0 && !generation.logprobs) in.fail("top_logprobs", "needs logprobs to be true");
  in.ignore("_debug_render_only");
}

void read_format(Object& in, domain::ResponseFormat& out) {
  using Kind = domain::ResponseFormat::Kind;
  const auto item = in.get("format");
  if (!item) return;
  if (item->is_object()) {
    out = {.kind = Kind::kJsonSchema, .text = json::to_text(item->value()), .field = "format"};
  } else if (item->is_string()) {
    const std::string word = item->text();
    if (word == "json")
      out = {.kind = Kind::kJson, .field = "format"};
    else if (!word.empty())
      item->fail("must be \"json\" or a JSON schema");
  } else {
    item->fail("must be \"json\" or a JSON schema");
  }
}

void read_think(Object& in, domain::Reasoning& out) {
  using enum domain::Reasoning::Effort;
  const auto item = in.get("think");
  if (!item) return;
  if (item->is_bool()) {
    out.required = item->boolean();
    out.effort = out.required ? kMedium : kNone;
    return;
  }
  out.required = true;
  const auto effort = item->is_string() ? common::effort_from(item->text()) : std::nullopt;
  if (effort == kLow || effort == kMedium || effort == kHigh || effort == kMax)
    out.effort = *effort;
  else
    item->fail("must be a boolean, \"low\", \"medium\", \"high\" or \"max\"");
}

}  // namespace hearth::dialect::ollama
