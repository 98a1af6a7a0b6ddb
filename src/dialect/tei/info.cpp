#include <fmt/format.h>

#include "base/strings.hpp"
#include "dialect/tei/tei.hpp"
#include "json/reader.hpp"
#include "json/writer.hpp"

namespace hearth::dialect::tei {
namespace {

using domain::Task;

std::string_view metadata(const domain::ModelCard& card, std::string_view name) {
  const std::string key = fmt::format("{}.{}", card.architecture, name);
  for (const auto& [known, value] : card.metadata) {
    if (known == key) return value;
  }
  return {};
}

// By llama.cpp's number; a file that names none gets the mean.
std::string_view pooling_of(const domain::ModelCard& card) {
  const auto number = metadata(card, "pooling_type");
  if (number == "2") return "cls";
  return number == "3" ? "last_token" : "mean";
}

// Without labels in the file there are none here: how many classes there are stands in its tensors only.
void write_labels(json::Writer& w, const domain::ModelCard& card) {
  std::vector<std::string> labels;
  if (const auto value = json::parse(metadata(card, "classifier.output_labels")); value && value->is_array()) {
    for (const auto& label : value->get_array())
      labels.emplace_back(label.is_string() ? std::string_view(label.get_string()) : std::string_view());
  }
  w.begin_object().key("id2label").begin_object();
  for (std::size_t i = 0; i < labels.size(); ++i) w.field(std::to_string(i), labels[i]);
  w.end_object().key("label2id").begin_object();
  for (std::size_t i = 0; i < labels.size(); ++i) w.field(labels[i], i);
  w.end_object().end_object();
}

}  // namespace

std::string info_body(const domain::ModelCard& card, const Limits& limits) {
  json::Writer w;
  w.begin_object().field("model_id", card.name).key("model_sha").null();
  w.field("model_dtype", base::to_lower(card.quantization)).key("model_type").begin_object();
  if (card.tasks.has(Task::kRerank) || card.tasks.has(Task::kClassify)) {
    w.key(card.tasks.has(Task::kRerank) ? "reranker" : "classifier");
    write_labels(w, card);
  } else {
    w.key("embedding").begin_object().field("pooling", pooling_of(card)).end_object();
  }
  w.end_object().field("max_concurrent_requests", limits.requests).field("max_input_length", limits.input_tokens);
  w.field("max_batch_tokens", limits.batch_tokens).key("max_batch_requests").null();
  w.field("max_client_batch_size", limits.inputs).field("auto_truncate", false).field("version", limits.version);
  w.end_object();
  return std::move(w).take();
}

}  // namespace hearth::dialect::tei
