#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "domain/request.hpp"
#include "engine/core/vocab.hpp"

namespace hearth::engine::core {

// What stands around a gap that a model is to fill. Texts are data: texts of control tokens in them are no control
// tokens.
struct InfillParts {
  domain::Tokens prefix;
  domain::Tokens suffix;
  domain::Tokens files;  // what the model is shown before: other files
};
[[nodiscard]] InfillParts infill_parts(const Vocab& vocab, domain::Tokens prefix,
                                       const domain::CompletionRequest& request);

// Cuts to at most `most` tokens: the oldest of the files go first, then what is far from the gap, so that three
// quarters of what is left are before it. Says how many went.
[[nodiscard]] std::size_t cut_infill(InfillParts& parts, std::size_t most);

// The tokens in the order that models are trained with: files, before, after, and then the middle begins.
// REQUIRES: vocab.infill().usable()
[[nodiscard]] domain::Tokens infill_prompt(const Vocab& vocab, const InfillParts& parts);

// Tokens of a prompt that are marks, not text.
[[nodiscard]] std::size_t infill_marks(const Vocab& vocab);

}  // namespace hearth::engine::core
