#pragma once

#include <cstdint>

#include "base/result.hpp"
#include "engine/core/prepared.hpp"
#include "engine/core/token_model.hpp"

namespace hearth::engine::core {

struct PrepareLimits {
  std::int32_t context_tokens = 0;  // of one conversation
  std::int32_t embed_tokens = 0;    // of one input
  bool shift = false;               // where a request does not say what a full context means
};

// Requests -> work: checks values, renders, tokenizes, truncates where asked. Thread-safe, like the model's vocab and
// render. Errors: kInvalidRequest and kContextLength with the field as `param`, and what the template says.
//
// A prompt must leave a cell for a token to generate (max_tokens 0: none). If the request asks to truncate, a prompt
// that is too long is cut until min(max_tokens, a quarter of the context) tokens are free for the answer: a completion
// loses its first tokens (not the beginning-of-text token), a chat its oldest messages that are neither system messages
// nor the last one.
[[nodiscard]] Result<Prepared> prepare(const TokenModel& model, const PrepareLimits& limits,
                                       const domain::ChatRequest& request);
// Text is tokenized with the model's beginning-of-text token (unless it begins with it) and with the texts of control
// tokens read as these tokens, `raw` or not; who wants other tokens sends ids.
[[nodiscard]] Result<Prepared> prepare(const TokenModel& model, const PrepareLimits& limits,
                                       const domain::CompletionRequest& request);
// Texts of control tokens in the input are plain text.
[[nodiscard]] Result<Prepared> prepare(const TokenModel& model, const PrepareLimits& limits,
                                       const domain::EmbedRequest& request);
// Each document with the query, as the model wants them. A document may be cut, a query is not.
[[nodiscard]] Result<Prepared> prepare(const TokenModel& model, const PrepareLimits& limits,
                                       const domain::RerankRequest& request);
[[nodiscard]] Result<Prepared> prepare(const TokenModel& model, const PrepareLimits& limits,
                                       const domain::ClassifyRequest& request);

// Shared with render(): a prompt text as the model gets it.
[[nodiscard]] domain::Tokens tokenize_prompt(const Vocab& vocab, std::string_view text);

namespace detail {
// What chat and completion have in common; everything but the prompts.
[[nodiscard]] Result<PreparedGeneration> prepare_generation(const TokenModel& model, const PrepareLimits& limits,
                                                            const domain::Envelope& envelope,
                                                            const domain::Generation& settings, std::size_t prompts);
[[nodiscard]] std::unexpected<Error> too_long(std::size_t tokens, std::int32_t context, std::string param);
// kContextLength if a text of megabytes cannot be as few as `most` tokens, without tokenising it.
[[nodiscard]] Result<void> check_length(const Vocab& vocab, std::string_view text, std::size_t most,
                                        std::int32_t context, const std::string& param);
// What an input of a task without generation may have at most.
[[nodiscard]] std::int32_t input_tokens_max(const PrepareLimits& limits, const domain::Envelope& envelope);
// The end goes: an embedding stands for how a text begins. The end token that the model may want stays. Says how many.
[[nodiscard]] std::int32_t cut_end(const Vocab& vocab, std::int32_t most, domain::Tokens& tokens);
// What a prompt may have at most, as it is or (cut) once it has to be cut.
[[nodiscard]] std::size_t prompt_tokens_max(const PreparedGeneration& work, bool cut);
[[nodiscard]] Result<void> check_tokens(const Vocab& vocab, const domain::Tokens& tokens, const std::string& param);
}  // namespace detail

}  // namespace hearth::engine::core
