#pragma once

#include "domain/request.hpp"
#include "json/reader.hpp"

namespace hearth::dialect::common {

// Samplers by llama-server's names (and vLLM's repetition_penalty), as a body of OpenAI's and Ollama's options have
// them: all but temperature, top_k, top_p, seed, presence_penalty and frequency_penalty, whose ranges differ. A value
// out of range and an unknown name are errors at their path. docs/samplers.md lists them.
void read_samplers(json::Object& in, domain::Sampling& out);

}  // namespace hearth::dialect::common
