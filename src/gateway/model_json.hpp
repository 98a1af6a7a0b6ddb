#pragma once

#include <span>
#include <string>
#include <string_view>

#include "domain/model_card.hpp"
#include "sched/model_manager.hpp"

namespace hearth::gateway {

// {"hearth": version, "models": [...], "loaded": [...]}: the first field is how hearth recognises itself.
[[nodiscard]] std::string models_json(std::string_view version, std::span<const domain::ModelCard> cards,
                                      std::span<const sched::ModelManager::Loaded> loaded);

}  // namespace hearth::gateway
