#include <utility>

#include "dialect/anthropic/anthropic.hpp"
#include "json/writer.hpp"

namespace hearth::dialect::anthropic {
namespace {

void write_model(json::Writer& w, const domain::ModelCard& card) {
  w.begin_object().field("type", "model").field("id", card.name).field("display_name", card.name);
  w.field("created_at", base::rfc3339(card.modified)).end_object();
}

void write_id(json::Writer& w, std::string_view key, const domain::ModelCard* card) {
  w.key(key);
  if (card == nullptr)
    w.null();
  else
    w.value(card->name);
}

}  // namespace

std::string models_body(std::span<const domain::ModelCard> cards) {
  json::Writer w;
  w.begin_object().key("data").begin_array();
  for (const auto& card : cards) write_model(w, card);
  w.end_array().field("has_more", false);
  write_id(w, "first_id", cards.empty() ? nullptr : &cards.front());
  write_id(w, "last_id", cards.empty() ? nullptr : &cards.back());
  w.end_object();
  return std::move(w).take();
}

std::string model_body(const domain::ModelCard& card) {
  json::Writer w;
  write_model(w, card);
  return std::move(w).take();
}

}  // namespace hearth::dialect::anthropic
