#include "store/card_json.hpp"

namespace hearth::store {

void write_card_fields(json::Writer& w, const domain::ModelCard& card) {
  w.field("name", card.name).field("path", card.path).field("reference", card.name).field("format", card.format);
  if (!card.origin.empty()) w.field("origin", card.origin);
  w.field("size", card.size_bytes);
  w.field("task", domain::task_name(card.tasks));
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

}  // namespace hearth::store
