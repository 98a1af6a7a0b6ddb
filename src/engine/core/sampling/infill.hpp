#pragma once

#include "engine/core/sampling/candidates.hpp"
#include "engine/core/vocab.hpp"

namespace hearth::engine::core {

// For code between other code: ends the text unless the model is sure of a token, where tokens that begin alike count
// together. Semantics: llama.cpp's llama_sampler_infill, but only the 256 most probable tokens are compared with each
// other.
void apply_infill(const Vocab& vocab, Candidates& candidates);

}  // namespace hearth::engine::core
