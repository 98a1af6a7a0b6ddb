#include "store/card_json.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "store/side_by_side.hpp"

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

std::string cards_json(std::span<const domain::ModelCard> cards) {
  constexpr std::size_t kPart = 64;  // cards that one piece of work writes
  constexpr std::size_t kUsualLength = 512;
  std::vector<std::string> parts((cards.size() + kPart - 1) / kPart);
  side_by_side(parts.size(), [&](std::size_t i) {
    json::Writer w;
    w.reserve(kPart * kUsualLength);
    for (const auto& card : cards.subspan(i * kPart, std::min(kPart, cards.size() - i * kPart))) {
      w.begin_object();
      write_card_fields(w, card);
      w.end_object();
    }
    parts[i] = std::move(w).take();
  });
  std::size_t length = 2;
  for (const auto& part : parts) length += part.size() + 1;
  std::string out;
  out.reserve(length);
  out += '[';
  for (const auto& part : parts) {
    if (out.size() > 1) out += ',';
    out += part;
  }
  return out += ']';
}

}  // namespace hearth::store
