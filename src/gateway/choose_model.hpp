#pragma once

#include <set>
#include <span>
#include <string>

#include "base/result.hpp"
#include "domain/model_card.hpp"

namespace hearth::gateway {

// The header by which a request names its model where its dialect has no field for it.
inline constexpr std::string_view kModelHeader = "hearth-model";

// The model that a request means which names none: the only one of `cards` that does one of `tasks`; models for these
// before those that generate text too; of several the only one in `loaded`. kInvalidRequest says how to name one.
[[nodiscard]] Result<std::string> choose_model(std::span<const domain::ModelCard> cards,
                                               const std::set<std::string>& loaded, domain::TaskSet tasks);

}  // namespace hearth::gateway
