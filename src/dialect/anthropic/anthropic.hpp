#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "dialect/dialect.hpp"
#include "domain/model_card.hpp"

// The Anthropic Messages dialect (2023-06-01). Pure functions; every error is kInvalidRequest with the path of the
// field in `param`.
namespace hearth::dialect::anthropic {

[[nodiscard]] Result<Call> parse_messages(std::string_view body, const Edge& edge);
// The same body less max_tokens -> {"input_tokens":N}; reads answer.rendered.
[[nodiscard]] Result<Call> parse_count_tokens(std::string_view body, const Edge& edge);

[[nodiscard]] std::string models_body(std::span<const domain::ModelCard> cards);
[[nodiscard]] std::string model_body(const domain::ModelCard& card);

[[nodiscard]] ErrorAnswer error(const Error& error, std::string_view request_id = {});

}  // namespace hearth::dialect::anthropic
