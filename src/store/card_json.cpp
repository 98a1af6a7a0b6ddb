#include "store/card_json.hpp"

#include <filesystem>
#include <vector>

#include "store/gguf.hpp"

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
  std::vector<std::filesystem::path> files{card.path};
  if (const auto header = read_gguf(card.path)) {
    if (auto parts = gguf_parts(card.path, *header)) files = *std::move(parts);
  }
  w.field("model_dir", std::filesystem::path(card.path).parent_path().string()).field("total_size", card.size_bytes);
  w.field("file_count", files.size()).key("gguf_files").begin_array();
  for (const auto& file : files) w.value(file.string());
  w.end_array().field("license", card.license).field("embedding_dimensions", card.embedding_dimensions);
  w.field("chat_template", card.chat_template).key("metadata").begin_object();
  for (const auto& [key, value] : card.metadata) w.key(key).raw(value);
  w.end_object().end_object();
  return std::move(w).take();
}

}  // namespace hearth::store
