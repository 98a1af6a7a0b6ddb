#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "dialect/dialect.hpp"
#include "domain/model_card.hpp"

// The OpenAI dialect (public OpenAPI description 2.3.0), and llama-server's text tools that its clients use beside it.
// Pure functions; every error is kInvalidRequest with the path of the field in `param`.
namespace hearth::dialect::openai {

[[nodiscard]] Result<Call> parse_chat(std::string_view body, const Edge& edge);
[[nodiscard]] Result<Call> parse_completion(std::string_view body, const Edge& edge);
[[nodiscard]] Result<Call> parse_embeddings(std::string_view body, const Edge& edge);

// {model, content | text, add_special, parse_special, with_pieces} -> {tokens}; reads answer.tokenized.
[[nodiscard]] Result<Call> parse_tokenize(std::string_view body, const Edge& edge);
// {model, tokens} -> {content}; reads answer.rendered.
[[nodiscard]] Result<Call> parse_detokenize(std::string_view body, const Edge& edge);
// A chat body -> {prompt}; reads answer.rendered.
[[nodiscard]] Result<Call> parse_apply_template(std::string_view body, const Edge& edge);

[[nodiscard]] std::string models_body(std::span<const domain::ModelCard> cards);
[[nodiscard]] std::string model_body(const domain::ModelCard& card);

// The request id travels in a header in this dialect; it is taken so that all dialects are called alike.
[[nodiscard]] ErrorAnswer error(const Error& error, std::string_view request_id = {});

}  // namespace hearth::dialect::openai
