#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "domain/event.hpp"

// What the values of a model's head become: rankings and classes. Pure functions. REQUIRES: values that are numbers.
namespace hearth::engine::core {

// As they are, or logits made probabilities: of one value its sigmoid, of several their softmax.
enum class Scale { kRaw, kProbability };

// `values`: one per document. The best first, equal ones in their order; at most `top_n`.
[[nodiscard]] std::vector<domain::Ranked> ranking(std::span<const float> values, Scale scale,
                                                  std::optional<std::int32_t> top_n);
// `values`: one per class. Classes without a label are LABEL_0, LABEL_1, ... as transformers calls them.
[[nodiscard]] std::vector<domain::Classified::Class> classes(std::span<const float> values, Scale scale,
                                                             std::span<const std::string> labels);

}  // namespace hearth::engine::core
