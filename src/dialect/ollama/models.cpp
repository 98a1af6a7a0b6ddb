#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <set>
#include <tuple>
#include <utility>

#include "base/strings.hpp"
#include "dialect/ollama/ollama.hpp"
#include "domain/model_name.hpp"
#include "json/reader.hpp"
#include "json/writer.hpp"

namespace hearth::dialect::ollama {
namespace {

using domain::ModelCard;
using domain::Task;
using json::Writer;

// Ollama's names always have their tag.
std::string full_name(const std::string& name) {
  const auto parsed = domain::ModelName::parse(name);
  return parsed ? parsed->full() : name;
}

// "8.0B", "1.88M", "260K", as Ollama writes a count of parameters.
std::string parameter_size(std::uint64_t count) {
  constexpr double kThousand = 1e3;
  constexpr double kMillion = 1e6;
  constexpr double kBillion = 1e9;
  const auto n = static_cast<double>(count);
  if (n >= kBillion) return fmt::format("{:.1f}B", n / kBillion);
  if (n >= kMillion) return fmt::format("{:.2f}M", n / kMillion);
  if (n >= kThousand) return fmt::format("{:.0f}K", n / kThousand);
  return fmt::format("{}", count);
}

void write_details(Writer& w, const ModelCard& card) {
  w.key("details")
      .begin_object()
      .field("parent_model", "")
      .field("format", card.format)
      .field("family", card.architecture);
  w.key("families").begin_array();
  if (!card.architecture.empty()) w.value(card.architecture);
  w.end_array().field("parameter_size", parameter_size(card.parameters)).field("quantization_level", card.quantization);
  if (card.context_tokens > 0) w.field("context_length", card.context_tokens);
  if (card.embedding_dimensions > 0) w.field("embedding_length", card.embedding_dimensions);
  w.end_object();
}

void write_capabilities(Writer& w, const ModelCard& card) {
  static constexpr std::pair<Task, std::string_view> kNames[] = {
      {Task::kChat, "completion"},   {Task::kComplete, "completion"}, {Task::kTools, "tools"},
      {Task::kInfill, "insert"},     {Task::kImageIn, "vision"},      {Task::kEmbed, "embedding"},
      {Task::kThinking, "thinking"}, {Task::kImageOut, "image"},      {Task::kTranscribe, "audio"},
  };
  std::set<std::string_view> seen;
  w.key("capabilities").begin_array();
  for (const auto& [task, name] : kNames) {
    if (card.tasks.has(task) && seen.insert(name).second) w.value(name);
  }
  w.end_array();
}

// What a listing starts with.
void write_identity(Writer& w, const ModelCard& card) {
  const std::string name = full_name(card.name);
  w.field("name", name).field("model", name);
}

// An array of more than five elements is shown only where everything is asked for.
std::string_view shown_value(std::string_view json_text, bool verbose) {
  constexpr std::size_t kShort = 5;
  if (verbose || !json_text.starts_with('[')) return json_text;
  const auto value = json::parse(json_text);
  return value && value->is_array() && value->get_array().size() <= kShort ? json_text : "null";
}

void write_model_info(Writer& w, const ModelCard& card, bool verbose) {
  w.key("model_info").begin_object();
  for (const auto& [key, value] : card.metadata) {
    if (key == "general.name" || key == "tokenizer.chat_template") continue;
    w.key(key).raw(value.empty() ? "null" : shown_value(value, verbose));
  }
  w.end_object();
}

// One per line, the values in a column, strings quoted.
std::string parameter_lines(const domain::ModelSettings& settings) {
  std::string out;
  for (const auto& line : settings.parameters) {
    const std::string value = line.name == "stop" ? fmt::format("\"{}\"", line.value) : line.value;
    out += fmt::format("{}{:<30} {}", out.empty() ? "" : "\n", line.name, value);
  }
  return out;
}

void write_message(Writer& w, const domain::Message& message) {
  w.begin_object().field("role", domain::to_string(message.role)).field("content", domain::text_of(message));
  w.end_object();
}

void write_tensors(Writer& w, const ModelCard& card) {
  w.key("tensors").begin_array();
  for (const auto& tensor : card.tensors) {
    w.begin_object().field("name", tensor.name).field("type", tensor.type).key("shape").begin_array();
    for (const auto extent : tensor.shape) w.value(extent);
    w.end_array().end_object();
  }
  w.end_array();
}

}  // namespace

std::string tags_body(std::span<const ModelCard> cards) {
  std::vector<const ModelCard*> order;
  for (const auto& card : cards) order.push_back(&card);
  std::ranges::sort(order, [](const auto* a, const auto* b) {
    return std::tie(b->modified, a->name) < std::tie(a->modified, b->name);
  });
  Writer w;
  w.begin_object().key("models").begin_array();
  for (const auto* card : order) {
    w.begin_object();
    write_identity(w, *card);
    w.field("modified_at", base::rfc3339(card->modified)).field("size", card->size_bytes).field("digest", card->digest);
    write_details(w, *card);
    write_capabilities(w, *card);
    w.end_object();
  }
  w.end_array().end_object();
  return std::move(w).take();
}

std::string ps_body(std::span<const domain::LoadedModel> models, base::WallTime now) {
  // Ollama's clients read an expiry decades away as "forever".
  const base::WallTime never = now + std::chrono::years(100);
  auto expiry = [&](const domain::LoadedModel* m) { return m->expires_at.value_or(never); };
  std::vector<const domain::LoadedModel*> order;
  for (const auto& model : models) order.push_back(&model);
  std::ranges::sort(order, [&](const auto* a, const auto* b) {
    return std::pair(expiry(b), a->card.name) < std::pair(expiry(a), b->card.name);
  });
  Writer w;
  w.begin_object().key("models").begin_array();
  for (const auto* model : order) {
    const bool on_cpu = model->device.empty() || base::starts_with_ignore_case(model->device, "cpu");
    w.begin_object();
    write_identity(w, model->card);
    w.field("size", model->memory_bytes).field("digest", model->card.digest);
    write_details(w, model->card);
    w.field("expires_at", base::rfc3339(expiry(model)));
    w.field("size_vram", on_cpu ? std::uint64_t{0} : model->memory_bytes)
        .field("context_length", model->context_tokens);
    w.end_object();
  }
  w.end_array().end_object();
  return std::move(w).take();
}

std::string show_body(const ModelCard& card, std::string_view modelfile, bool verbose) {
  Writer w;
  w.begin_object();
  const auto& license = card.settings.license.empty() ? card.license : card.settings.license;
  if (!license.empty()) w.field("license", license);
  if (!modelfile.empty()) w.field("modelfile", modelfile);
  const auto& settings = card.settings;
  if (!settings.parameters.empty()) w.field("parameters", parameter_lines(settings));
  const auto& chat_template = settings.chat_template.empty() ? card.chat_template : settings.chat_template;
  if (!chat_template.empty()) w.field("template", chat_template);
  if (!settings.system.empty()) w.field("system", settings.system);
  if (!settings.messages.empty()) {
    w.key("messages").begin_array();
    for (const auto& message : settings.messages) write_message(w, message);
    w.end_array();
  }
  write_details(w, card);
  write_model_info(w, card, verbose);
  if (verbose) write_tensors(w, card);
  write_capabilities(w, card);
  w.field("modified_at", base::rfc3339(card.modified)).end_object();
  return std::move(w).take();
}

std::string status_line(std::string_view status) {
  Writer w;
  w.begin_object().field("status", status).end_object();
  return std::move(w).take();
}

std::string progress_line(std::string_view status, std::uint64_t total, std::uint64_t completed) {
  Writer w;
  w.begin_object().field("status", status).field("total", total).field("completed", completed).end_object();
  return std::move(w).take();
}

std::string pull_file(std::string_view name, std::string_view digest, std::uint64_t total, std::uint64_t completed) {
  constexpr std::size_t kShown = 12;
  const auto digits = digest.substr(std::min(digest.find(':') + 1, digest.size()));
  Writer w;
  w.begin_object().field("status", "pulling " + std::string(digest.empty() ? name : digits.substr(0, kShown)));
  if (!digest.empty()) w.field("digest", digest);
  w.field("total", total);
  if (completed > 0) w.field("completed", completed);
  w.end_object();
  return std::move(w).take();
}

std::string version_body(std::string_view version) {
  Writer w;
  w.begin_object().field("version", version).end_object();
  return std::move(w).take();
}

}  // namespace hearth::dialect::ollama
