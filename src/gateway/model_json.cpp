#include "gateway/model_json.hpp"

#include "json/writer.hpp"
#include "store/card_json.hpp"

namespace hearth::gateway {

std::string models_json(std::string_view version, std::span<const domain::ModelCard> cards,
                        std::span<const sched::ModelManager::Loaded> loaded) {
  json::Writer w;
  w.begin_object().field("hearth", version).key("models").raw(store::cards_json(cards)).key("loaded").begin_array();
  for (const auto& l : loaded) {
    w.begin_object()
        .field("name", l.model.card.name)
        .field("device", l.model.device)
        .field("size", l.model.memory_bytes);
    w.field("context", l.model.context_tokens).field("slots", l.model.slots).field("busy", l.model.slots_busy);
    w.field("state", l.model.state).key("expires_at");
    if (l.model.expires_at)
      w.value(base::rfc3339(*l.model.expires_at));
    else
      w.null();
    w.end_object();
  }
  w.end_array().end_object();
  return std::move(w).take();
}

}  // namespace hearth::gateway
