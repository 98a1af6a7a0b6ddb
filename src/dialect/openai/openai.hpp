#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "dialect/dialect.hpp"
#include "domain/model_card.hpp"

// The OpenAI dialect (public OpenAPI description 2.3.0), and what its clients use beside it: llama-server's text tools,
// reranking.
// Pure functions; every error is kInvalidRequest with the path of the field in `param`.
namespace hearth::dialect::openai {

[[nodiscard]] Result<Call> parse_chat(std::string_view body, const Edge& edge);
// Responses without state: what needs answers to be kept (store, previous_response_id, background) is kUnsupported.
[[nodiscard]] Result<Call> parse_responses(std::string_view body, const Edge& edge);
// The same body -> {object, input_tokens}; reads answer.rendered.
[[nodiscard]] Result<Call> parse_input_tokens(std::string_view body, const Edge& edge);
[[nodiscard]] Result<Call> parse_completion(std::string_view body, const Edge& edge);
[[nodiscard]] Result<Call> parse_embeddings(std::string_view body, const Edge& edge);

// Reranking as Jina and Cohere have it: {model?, query, documents: [string | {text}], top_n, return_documents} ->
// {results: [{index, relevance_score, document?}]}, the best first; reads answer.ranking.
[[nodiscard]] Result<Call> parse_rerank(std::string_view body, const Edge& edge);
// llama-server's own embeddings, with a vector per token where `pooling` is none: {model, content | input, pooling} ->
// [{index, embedding: [[...]]}].
[[nodiscard]] Result<Call> parse_embedding_rows(std::string_view body, const Edge& edge);

// {model, content | text, add_special, parse_special, with_pieces} -> {tokens}; reads answer.tokenized.
[[nodiscard]] Result<Call> parse_tokenize(std::string_view body, const Edge& edge);
// {model, tokens} -> {content}; reads answer.rendered.
[[nodiscard]] Result<Call> parse_detokenize(std::string_view body, const Edge& edge);
// A chat body -> {prompt}; reads answer.rendered.
[[nodiscard]] Result<Call> parse_apply_template(std::string_view body, const Edge& edge);
// {model?, input_prefix, input_suffix, prompt?, input_extra: [{filename?, text}], n_predict} -> {content, ...}: what
// lies between. What does not fit is left out, far from the gap first, and `tokens_dropped` says how much.
[[nodiscard]] Result<Call> parse_infill(std::string_view body, const Edge& edge);

[[nodiscard]] std::string models_body(std::span<const domain::ModelCard> cards);
[[nodiscard]] std::string model_body(const domain::ModelCard& card);

// The request id travels in a header in this dialect; it is taken so that all dialects are called alike.
[[nodiscard]] ErrorAnswer error(const Error& error, std::string_view request_id = {});

}  // namespace hearth::dialect::openai
