#include "store/card_json.hpp"

namespace hearth::store {

void write_card_fields(json::Writer& w, const domain::ModelCard& card) {
  w.field("name", card.name).field("path", card.path).field("reference", card.name).field("format", card.format);
  w.field("size", card.size_bytes);
  w.field("task", card.tasks.has(domain::Task::kComplete) ? "text-generation" : "feature-extraction");
  w.field("quantization", card.quantization)
      .field("architecture", card.architecture)
      .field("parameters", card.parameters);
  w.field("context", card.context_tokens)
      .field("digest", card.digest)
      .field("modified_at", base::rfc3339(card.modified));
  w.key("capabilities").begin_array();
  for (const auto task : domain::all_tasks()) {
    if (card.tasks.has(task)) w.value(domain::to_string(task));
  }
  w.end_array();
}

std::string card_json(const domain::ModelCard& card) {
  json::Writer w;
  w.begin_object();
  write_card_fields(w, card);
  w.field("license", card.license).field("embedding_dimensions", card.embedding_dimensions);
  w.field("chat_template", card.chat_template).key("metadata").begin_object();
  for (const auto& [key, value] : card.metadata) w.key(key).raw(value);
  w.end_object().end_object();
  return std::move(w).take();
}

}  // namespace hearth::store
