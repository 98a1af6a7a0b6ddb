#include <utility>

#include "dialect/openai/openai.hpp"
#include "json/writer.hpp"

namespace hearth::dialect::openai {
namespace {

// OpenAI's four fields, then llama-server's meta and hearth's capabilities.
void write_model(json::Writer& w, const domain::ModelCard& card) {
  const auto slash = card.name.find('/');
  w.begin_object().field("id", card.name).field("object", "model").field("created", base::unix_seconds(card.modified));
  w.field("owned_by", slash == std::string::npos ? std::string("hearth") : card.name.substr(0, slash));
  w.key("capabilities").begin_array();
  for (const auto task : domain::all_tasks()) {
    if (card.tasks.has(task)) w.value(domain::to_string(task));
  }
  w.end_array().key("meta").begin_object();
  w.field("format", card.format).field("architecture", card.architecture).field("quantization", card.quantization);
  w.field("n_ctx_train", card.context_tokens)
      .field("n_embd", card.embedding_dimensions)
      .field("n_params", card.parameters);
  w.field("size", card.size_bytes).end_object().end_object();
}

}  // namespace

std::string models_body(std::span<const domain::ModelCard> cards) {
  json::Writer w;
  w.begin_object().field("object", "list").key("data").begin_array();
  for (const auto& card : cards) write_model(w, card);
  w.end_array().end_object();
  return std::move(w).take();
}

std::string model_body(const domain::ModelCard& card) {
  json::Writer w;
  write_model(w, card);
  return std::move(w).take();
}

}  // namespace hearth::dialect::openai
