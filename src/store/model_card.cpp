#include "store/model_card.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <limits>
#include <map>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>

#include "base/files.hpp"
#include "json/writer.hpp"
#include "store/gguf_digest.hpp"
#include "store/gguf_types.hpp"
#include "store/infill_marks.hpp"

namespace hearth::store {
namespace {

namespace fs = std::filesystem;

// Source: llama.cpp's enumeration of pooling types.
constexpr std::int64_t kPoolingRank = 4;

constexpr std::string_view kLabels = ".classifier.output_labels";
constexpr std::size_t kLabelsShown = 64;
constexpr std::size_t kElementsShown = 5;

// Encoders and other architectures that keep no KV cache, whether or not their files say that attention looks both
// ways.
constexpr std::array<std::string_view, 11> kEncoders = {
    "bert",         "modern-bert", "nomic-bert",      "nomic-bert-moe",   "neo-bert", "jina-bert-v2",
    "jina-bert-v3", "eurobert",    "gemma-embedding", "gemma-embedding2", "t5encoder"};
// Not language models by themselves, or not servable yet.
constexpr std::array<std::string_view, 12> kNoTask = {
    "clip", "t5", "dream", "llada", "llada-moe", "rnd1", "eagle3", "dflash", "gemma4-assistant", "wavtokenizer-dec",
    "clef", ""};

bool is_one_of(const auto& names, std::string_view name) { return std::ranges::find(names, name) != names.end(); }

// Whether a 32-bit number was there.
bool is_short(double number) {
  return std::abs(number) <= std::numeric_limits<float>::max() && number == static_cast<float>(number);
}

void write_scalar(json::Writer& w, const GgufScalar& value) {
  // Nearly all numbers with a point are 32-bit ones: 0.2, and not what that is as a 64-bit one.
  if (const auto* const number = std::get_if<double>(&value); number != nullptr && is_short(*number))
    w.value(static_cast<float>(*number));
  else
    std::visit([&w](const auto& v) { w.value(v); }, value);
}

// How the makers of a model want it sampled. Source: llama.cpp's names of these keys.
constexpr std::array<std::pair<std::string_view, std::string_view>, 11> kSamplingKeys{{
    {"general.sampling.temp", "temperature"},
    {"general.sampling.top_k", "top_k"},
    {"general.sampling.top_p", "top_p"},
    {"general.sampling.min_p", "min_p"},
    {"general.sampling.penalty_repeat", "repeat_penalty"},
    {"general.sampling.penalty_last_n", "repeat_last_n"},
    {"general.sampling.xtc_probability", "xtc_probability"},
    {"general.sampling.xtc_threshold", "xtc_threshold"},
    {"general.sampling.mirostat", "mirostat"},
    {"general.sampling.mirostat_tau", "mirostat_tau"},
    {"general.sampling.mirostat_eta", "mirostat_eta"},
}};

void add_sampling(domain::ModelSettings& settings, const GgufHeader& header) {
  for (const auto& [key, name] : kSamplingKeys) {
    const auto* value = header.find(key);
    if (value != nullptr && std::holds_alternative<GgufScalar>(*value))
      (void)settings.add(name, to_json(*value));  // a value that is none is as good as absent
  }
}

std::int32_t narrow(std::optional<std::int64_t> value) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(value.value_or(0), 0, kMost));
}

void add_tensors(domain::ModelCard& card, const GgufHeader& header) {
  card.size_bytes += header.file_size;
  for (const GgufTensor& tensor : header.tensors) {
    const GgmlType* const type = ggml_type(tensor.type);
    card.parameters += tensor.elements;
    card.tensors.push_back({.name = tensor.name,
                            .type = type == nullptr ? "type " + std::to_string(tensor.type) : std::string(type->name),
                            .shape = tensor.shape});
  }
}

// One output for two texts is how well they go together; several are classes, but for a template that asks for a "yes".
domain::TaskSet tasks_of_head(const GgufHeader& header) {
  using domain::Task;
  if (header.find("tokenizer.chat_template.rerank") != nullptr) return {Task::kRerank};
  const auto* const labels = header.find(header.arch_key("classifier.output_labels"));
  const auto* const array = labels == nullptr ? nullptr : std::get_if<GgufArray>(labels);
  if (array != nullptr && array->count > 1) return {Task::kClassify};
  return {Task::kRerank, Task::kClassify};
}

// By the names or, of older and newer files, the ids of its tokens.
bool fills_middle(const GgufHeader& header) {
  if (header.infill_marks == kAllInfillMarks) return true;
  const auto* const tokens = header.find("tokenizer.ggml.tokens");
  const auto* const vocabulary = tokens == nullptr ? nullptr : std::get_if<GgufArray>(tokens);
  if (vocabulary == nullptr) return false;
  const auto is_token = [&](std::string_view key) {
    const auto* const value = header.find(key);
    if (value == nullptr || !std::holds_alternative<GgufScalar>(*value)) return false;
    const auto id = header.integer(key);
    return id && *id >= 0 && static_cast<std::uint64_t>(*id) < vocabulary->count;
  };
  const auto has = [&](std::string_view newer, std::string_view older) { return is_token(newer) || is_token(older); };
  return has("tokenizer.ggml.fim_pre_token_id", "tokenizer.ggml.prefix_token_id") &&
         has("tokenizer.ggml.fim_suf_token_id", "tokenizer.ggml.suffix_token_id") &&
         has("tokenizer.ggml.fim_mid_token_id", "tokenizer.ggml.middle_token_id");
}

}  // namespace

std::string to_json(const GgufValue& value, std::size_t elements_max) {
  json::Writer w;
  if (const auto* const scalar = std::get_if<GgufScalar>(&value)) {
    write_scalar(w, *scalar);
    return std::move(w).take();
  }
  const auto& array = std::get<GgufArray>(value);
  if (array.count > elements_max || array.values.size() != array.count) return "null";
  w.begin_array();
  for (const GgufScalar& element : array.values) write_scalar(w, element);
  w.end_array();
  return std::move(w).take();
}

std::string quantization_of(const GgufHeader& header) {
  if (const auto type = header.integer("general.file_type"); type && *type >= 0) {
    if (const auto name = file_type_name(static_cast<std::uint64_t>(*type)); !name.empty()) return std::string(name);
  }
  std::map<std::uint32_t, std::uint64_t> elements;
  for (const GgufTensor& tensor : header.tensors) {
    if (tensor.shape.size() >= 2) elements[tensor.type] += tensor.elements;
  }
  const auto most = std::ranges::max_element(elements, {}, [](const auto& entry) { return entry.second; });
  const GgmlType* const type = most == elements.end() ? nullptr : ggml_type(most->first);
  return type == nullptr ? "unknown" : std::string(type->name);
}

domain::TaskSet tasks_of(const GgufHeader& header) {
  using domain::Task;
  const auto kind = header.text("general.type");
  if (is_one_of(kNoTask, header.architecture()) || kind == "mmproj" || kind == "adapter" || kind == "imatrix")
    return {};
  if (header.find("tokenizer.ggml.model") == nullptr || header.text("tokenizer.ggml.model") == "none") return {};
  const auto pooling = header.integer(header.arch_key("pooling_type")).value_or(0);
  if (pooling == kPoolingRank) return tasks_of_head(header);
  const bool causal = header.boolean(header.arch_key("attention.causal")).value_or(true);
  if (pooling > 0 || !causal || is_one_of(kEncoders, header.architecture())) return {Task::kEmbed};
  domain::TaskSet tasks{Task::kChat, Task::kComplete, Task::kEmbed};
  if (fills_middle(header)) tasks.add(Task::kInfill);
  return tasks;
}

// As far as the words of its template tell. An engine that has loaded the model knows.
void add_template_tasks(domain::ModelCard& card) {
  if (!card.tasks.has(domain::Task::kChat)) return;
  const auto mentions = [&card](std::string_view word) { return card.chat_template.contains(word); };
  if (mentions("tools")) card.tasks.add(domain::Task::kTools);
  if (mentions("<think>") || mentions("reasoning_content") || mentions("thinking"))
    card.tasks.add(domain::Task::kThinking);
}

Result<domain::ModelCard> read_model_card(const fs::path& path) {
  HEARTH_TRY(const GgufHeader header, read_gguf(path));
  domain::ModelCard card;
  std::error_code error;
  const auto absolute = fs::absolute(path, error);
  card.path = (error ? path : absolute).string();
  card.format = "gguf";
  card.architecture = header.architecture();
  card.quantization = quantization_of(header);
  card.context_tokens = narrow(header.integer(header.arch_key("context_length")));
  card.embedding_dimensions = narrow(header.integer(header.arch_key("embedding_length")));
  card.modified = base::modified_time(path);
  card.tasks = tasks_of(header);
  card.chat_template = header.text("tokenizer.chat_template");
  add_template_tasks(card);
  card.license = header.text("general.license");
  add_sampling(card.settings, header);
  card.metadata.reserve(header.metadata.size());
  for (const auto& [key, value] : header.metadata)
    card.metadata.emplace_back(key, to_json(value, key.ends_with(kLabels) ? kLabelsShown : kElementsShown));
  add_tensors(card, header);

  HEARTH_TRY(const auto parts, gguf_parts(path, header));
  GgufDigest digest;
  HEARTH_CHECK(digest.add(path, header));
  for (std::size_t i = 1; i < parts.size(); ++i) {
    HEARTH_TRY(const GgufHeader part, read_gguf(parts[i]));
    add_tensors(card, part);
    HEARTH_CHECK(digest.add(parts[i], part));
  }
  card.digest = digest.hex();
  return card;
}

}  // namespace hearth::store
