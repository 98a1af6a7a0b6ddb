#include "domain/model_settings.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <limits>

#include "base/strings.hpp"

namespace hearth::domain {
namespace {

// Parameters of Modelfiles that hearth decides for itself, or has no use for.
constexpr std::array<std::string_view, 15> kWithoutEffect{
    "num_batch",  "num_gpu",    "main_gpu", "num_thread",       "use_mmap", "use_mlock",         "numa",  "low_vram",
    "logits_all", "vocab_only", "num_gqa",  "penalize_newline", "tfs_z",    "draft_num_predict", "f16_kv"};
constexpr std::string_view kContext = "num_ctx";
constexpr std::string_view kPooling = "pooling";  // hearth's own: how an embedding model's vectors become one
constexpr std::array<std::pair<std::string_view, Pooling>, 3> kPoolings{
    {{"mean", Pooling::kMean}, {"cls", Pooling::kCls}, {"last", Pooling::kLast}}};
constexpr double kLarge = 100;

std::optional<Parameter> parameter_of(std::string_view name) {
  const auto it = std::ranges::find(kParameterNames, name, [](const auto& e) { return e.first; });
  return it == kParameterNames.end() ? std::nullopt : std::optional(it->second);
}

std::optional<Pooling> pooling_of(std::string_view name) {
  const auto it = std::ranges::find(kPoolings, name, [](const auto& e) { return e.first; });
  return it == kPoolings.end() ? std::nullopt : std::optional(it->second);
}

// One parameter's number and where it goes; nothing if the text is none or out of range.
bool take_number(std::string_view text, double min, double max, double& out) {
  const auto value = base::parse_double(text);
  if (!value || !(*value >= min && *value <= max)) return false;
  out = *value;
  return true;
}
bool take_integer(std::string_view text, std::int64_t min, std::int32_t& out) {
  auto value = base::parse_int(text);
  if (!value) {  // "40.0", as some tools write whole numbers
    const auto real = base::parse_double(text);
    constexpr double kWholeMax = 1e9;
    if (!real || *real != static_cast<double>(static_cast<long long>(std::clamp(*real, -kWholeMax, kWholeMax))))
      return false;
    value = static_cast<long long>(*real);
  }
  if (*value < min || *value > std::numeric_limits<std::int32_t>::max()) return false;
  out = static_cast<std::int32_t>(*value);
  return true;
}

constexpr std::int64_t kInt32Min = std::numeric_limits<std::int32_t>::min();

// Sets one parameter of a generation; false if the text is no value for it.
bool set(Generation& g, Parameter parameter, std::string_view text) {
  auto& s = g.sampling;
  switch (parameter) {
    case Parameter::kTemperature: return take_number(text, 0, kLarge, s.temperature);
    case Parameter::kTopP: return take_number(text, 0, 1, s.top_p);
    case Parameter::kMinP: return take_number(text, 0, 1, s.min_p);
    case Parameter::kTypicalP: return take_number(text, 0, 1, s.typical_p);
    case Parameter::kRepeatPenalty: return take_number(text, 0.01, kLarge, s.repeat_penalty);
    case Parameter::kPresencePenalty: return take_number(text, -kLarge, kLarge, s.presence_penalty);
    case Parameter::kFrequencyPenalty: return take_number(text, -kLarge, kLarge, s.frequency_penalty);
    case Parameter::kMirostatTau: return take_number(text, 0, kLarge, s.mirostat_tau);
    case Parameter::kMirostatEta: return take_number(text, 0, kLarge, s.mirostat_eta);
    case Parameter::kXtcProbability: return take_number(text, 0, 1, s.xtc_probability);
    case Parameter::kXtcThreshold: return take_number(text, 0, 1, s.xtc_threshold);
    case Parameter::kMirostat: return take_integer(text, 0, s.mirostat) && s.mirostat <= 2;
    case Parameter::kRepeatLastN: return take_integer(text, -1, s.repeat_last_n);
    case Parameter::kTopK:
      if (!take_integer(text, kInt32Min, s.top_k)) return false;
      s.top_k = std::max(s.top_k, 0);
      return true;
    case Parameter::kSeed: {
      const auto seed = base::parse_int(text);
      if (!seed) return false;
      s.seed = *seed == -1 ? std::nullopt : std::optional(static_cast<std::uint64_t>(*seed));  // -1 = a random one
      return true;
    }
    case Parameter::kMaxTokens: {
      std::int32_t limit = 0;
      if (!take_integer(text, kInt32Min, limit)) return false;
      g.max_tokens = limit < 0 ? std::nullopt : std::optional(limit);  // negative = no limit of its own
      return true;
    }
    case Parameter::kStop: g.stop.emplace_back(text); return !text.empty();
    case Parameter::kKeepTokens: return take_integer(text, -1, g.keep_tokens);
  }
  return false;
}

void apply_settings(const ModelSettings& settings, Generation& out) {
  for (const auto& line : settings.parameters) {
    const auto parameter = parameter_of(line.name);
    if (parameter && !out.given.has(*parameter)) set(out, *parameter, line.value);
  }
  out.given = ParameterSet::all();
}

void apply_settings(const ModelSettings& settings, EmbedRequest& out) {
  for (const auto& line : settings.parameters) {
    if (line.name == kPooling && !out.pooling) out.pooling = pooling_of(line.value);
  }
}

void apply_settings(const ModelSettings& settings, ChatRequest& out) {
  apply_settings(settings, out.generation);
  if (out.template_override.empty()) out.template_override = settings.chat_template;
  const bool has_system = !out.messages.empty() && out.messages.front().role == Role::kSystem;
  auto at = out.messages.insert(out.messages.begin() + (has_system ? 1 : 0), settings.messages.begin(),
                                settings.messages.end());
  if (!has_system && !settings.system.empty())
    out.messages.insert(at, Message{Role::kSystem, {TextPart{settings.system}}});
}

}  // namespace

bool is_honoured(std::string_view parameter) {
  return parameter == kContext || parameter == kPooling || parameter_of(parameter).has_value();
}

bool ModelSettings::empty() const { return *this == ModelSettings{}; }

Result<void> ModelSettings::add(std::string_view name, std::string_view value) {
  const std::string known = base::to_lower(name);
  const auto bad = [&](std::string_view why) {
    return fail(ErrorCode::kInvalidRequest, fmt::format("parameter '{}' {}", base::one_line(name.substr(0, 100)), why),
                "parameters");
  };
  if (const auto parameter = parameter_of(known)) {
    Generation scratch;
    if (!set(scratch, *parameter, value))
      return bad(fmt::format("has no use for '{}'", base::one_line(value.substr(0, 100))));
  } else if (known == kContext) {
    std::int32_t tokens = 0;
    if (!take_integer(value, 0, tokens)) return bad("must be a number of tokens");
  } else if (known == kPooling) {
    if (!pooling_of(value)) return bad("must be mean, cls or last");
  } else if (std::ranges::find(kWithoutEffect, known) == kWithoutEffect.end()) {
    return bad("is unknown");
  }
  if (known != "stop") std::erase_if(parameters, [&](const Line& line) { return line.name == known; });
  parameters.push_back({.name = known, .value = std::string(value)});
  return {};
}

void ModelSettings::merge(const ModelSettings& over) {
  std::erase_if(parameters, [&](const Line& line) {
    return std::ranges::find(over.parameters, line.name, &Line::name) != over.parameters.end();
  });
  parameters.insert(parameters.end(), over.parameters.begin(), over.parameters.end());
  if (!over.system.empty()) system = over.system;
  if (!over.chat_template.empty()) chat_template = over.chat_template;
  if (!over.messages.empty()) messages = over.messages;
  if (!over.license.empty()) license = over.license;
}

void apply_settings(const ModelSettings& settings, Envelope& out) {
  for (const auto& line : settings.parameters) {
    std::int32_t tokens = 0;
    if (line.name == kContext && !out.context_tokens && take_integer(line.value, 1, tokens))
      out.context_tokens = tokens;
  }
}

void apply_settings(const ModelSettings& settings, Request& request) {
  apply_settings(settings, envelope_of(request));
  if (auto* chat = std::get_if<ChatRequest>(&request)) apply_settings(settings, *chat);
  if (auto* render = std::get_if<RenderRequest>(&request)) apply_settings(settings, render->chat);
  if (auto* embed = std::get_if<EmbedRequest>(&request)) apply_settings(settings, *embed);
  if (auto* completion = std::get_if<CompletionRequest>(&request)) apply_settings(settings, completion->generation);
}

}  // namespace hearth::domain
