#pragma once

#include "domain/model_card.hpp"
#include "json/writer.hpp"

namespace hearth::store {

// The fields of a listed model: name, path, reference, format, size, task, quantization, ... Sizes in bytes.
void write_card_fields(json::Writer& w, const domain::ModelCard& card);

}  // namespace hearth::store
