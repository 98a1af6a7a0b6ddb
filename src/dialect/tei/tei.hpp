#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "dialect/dialect.hpp"
#include "domain/model_card.hpp"

// The dialect of Hugging Face's Text Embeddings Inference (1.9). A server of it has one model, so its requests name
// none; `model` is hearth's own. Pure functions; every error is kInvalidRequest with the path of the field in `param`.
namespace hearth::dialect::tei {

// {inputs, normalize, truncate, dimensions} -> [[number]]
[[nodiscard]] Result<Call> parse_embed(std::string_view body, const Edge& edge);
// {query, texts, raw_scores, return_text, truncate} -> [{index, text?, score}], the best first
[[nodiscard]] Result<Call> parse_rerank(std::string_view body, const Edge& edge);
// {inputs: text | [text] | [text, text] | [[text], [text, text]], raw_scores, truncate} -> [{score, label}], of several
// inputs one such list each
[[nodiscard]] Result<Call> parse_predict(std::string_view body, const Edge& edge);

// Whether a body of /rerank, which other dialects have too, is of this one.
[[nodiscard]] bool is_rerank(std::string_view body);

// What GET /info tells of a model.
struct Limits {
  std::string version;  // of hearth
  std::int32_t input_tokens = 0;
  std::int32_t batch_tokens = 0;
  std::int32_t requests = 0;
  std::int32_t inputs = 0;  // of one request
};
[[nodiscard]] std::string info_body(const domain::ModelCard& card, const Limits& limits);

// The request id travels in a header in this dialect; it is taken so that all dialects are called alike.
[[nodiscard]] ErrorAnswer error(const Error& error, std::string_view request_id = {});

}  // namespace hearth::dialect::tei
