#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/dialect.hpp"
#include "domain/event.hpp"
#include "json/writer.hpp"

// What the dialects write alike.
namespace hearth::dialect::common {

[[nodiscard]] base::WallTime wall(const Edge& edge);
[[nodiscard]] base::SteadyTime steady(const Edge& edge);

// The name that the answer carries: what really answered, else what was asked for.
[[nodiscard]] std::string_view model_of(const domain::Started& started, std::string_view asked);
// The engine's id of a tool call, or one made from the answer's own: prefix + edge id + place.
[[nodiscard]] std::string tool_id(std::string_view given, std::string_view prefix, const Edge& edge,
                                  std::int32_t choice, std::int32_t block);

// [{token, logprob, bytes, top_logprobs: [{token, logprob, bytes}]}], as OpenAI chat and Ollama have it.
void write_logprobs(json::Writer& w, std::span<const domain::TokenLogprob> logprobs);
// JSON has no -infinity: OpenAI writes -9999 for "very unlikely".
[[nodiscard]] double finite_logprob(double logprob);

// The vectors in the order of their inputs, whatever order they came in.
[[nodiscard]] std::vector<const domain::Embedded*> in_order(const std::vector<domain::Embedded>& embeddings);

// Total without overflow, whatever an engine reports.
[[nodiscard]] std::int64_t total_tokens(const domain::Usage& usage);

}  // namespace hearth::dialect::common
