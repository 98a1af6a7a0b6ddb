#pragma once

#include <span>
#include <string>

#include "domain/model_card.hpp"
#include "json/writer.hpp"

namespace hearth::store {

// The fields of a listed model: name, path, reference, format, size, task, quantization, ... Sizes in bytes.
void write_card_fields(json::Writer& w, const domain::ModelCard& card);
// An array of listed models. Made on several threads where they are many.
[[nodiscard]] std::string cards_json(std::span<const domain::ModelCard> cards);

}  // namespace hearth::store
