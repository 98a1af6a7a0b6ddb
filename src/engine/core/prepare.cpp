#include "engine/core/prepare.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <random>
#include <utility>

#include "base/strings.hpp"
#include "engine/core/infill_prompt.hpp"

namespace hearth::engine::core {
namespace {

constexpr std::string_view kShorten = "shorten it, or load the model with a longer one (engine.ctx)";
constexpr std::int32_t kChoicesMax = 128;     // n
constexpr std::size_t kAllChoicesMax = 4096;  // prompts x n, as domain::AnswerBuilder takes them
constexpr std::int32_t kTopLogprobsMax = 20;
constexpr std::size_t kInputsMax = 2048;          // texts to embed at once, as OpenAI has it
constexpr std::size_t kTokenValuesMax = 4 << 20;  // of an answer with a vector per token
constexpr std::size_t kEchoedMax = 1 << 20;       // probabilities of prompts' tokens in one answer
constexpr std::size_t kStopsMax = 64;             // every token's text is looked through for all of them
constexpr std::size_t kStopBytesMax = 16384;      // together
constexpr std::size_t kCountedBytes =
    1 << 20;  // a shorter text is tokenised in a moment: the error has its exact count

std::uint64_t random_seed() {
  std::random_device source;
  return (std::uint64_t{source()} << 32U) | source();
}

std::string at(std::string_view field, std::size_t index, std::size_t count) {
  return count == 1 ? std::string(field) : fmt::format("{}[{}]", field, index);
}

Result<domain::Tokens> tokens_of(const Vocab& vocab, const std::variant<std::string, domain::Tokens>& input,
                                 const std::string& param, bool special) {
  if (const auto* ids = std::get_if<domain::Tokens>(&input)) {
    HEARTH_CHECK(detail::check_tokens(vocab, *ids, param));
    if (ids->empty()) return fail(ErrorCode::kInvalidRequest, fmt::format("{} is empty", param), param);
    return *ids;
  }
  const auto& text = std::get<std::string>(input);
  auto tokens = special ? tokenize_prompt(vocab, text) : vocab.tokenize(text, true, false);
  if (tokens.empty()) return fail(ErrorCode::kInvalidRequest, fmt::format("{} is empty", param), param);
  return tokens;
}

// Drops tokens from the front but for the beginning-of-text token; says how many.
std::int32_t cut_front(const Vocab& vocab, std::size_t limit, domain::Tokens& tokens) {
  const auto bos = vocab.tokenize("", true, true);
  const bool keeps = bos.size() == 1 && tokens.front() == bos.front() && limit > 1;
  const auto excess = static_cast<std::ptrdiff_t>(tokens.size() - limit);
  const auto from = tokens.begin() + (keeps ? 1 : 0);
  tokens.erase(from, from + excess);
  return static_cast<std::int32_t>(excess);
}

}  // namespace

domain::Tokens tokenize_prompt(const Vocab& vocab, std::string_view text) {
  auto tokens = vocab.tokenize(text, true, true);
  // A template or a client may have written the beginning-of-text token already.
  if (tokens.size() >= 2 && tokens[0] == tokens[1]) {
    const auto bos = vocab.tokenize("", true, true);
    if (bos.size() == 1 && bos.front() == tokens.front()) tokens.erase(tokens.begin());
  }
  return tokens;
}

namespace detail {

std::unexpected<Error> too_long(std::size_t tokens, std::int32_t context, std::string param) {
  return fail(ErrorCode::kContextLength,
              fmt::format("prompt has {} tokens, context is {}; {}", tokens, context, kShorten), std::move(param));
}

Result<void> check_length(const Vocab& vocab, std::string_view text, std::size_t most, std::int32_t context,
                          const std::string& param) {
  const std::size_t longest = vocab.token_bytes_max();
  const std::size_t least = longest == 0 ? 0 : text.size() / longest;
  if (least <= most || text.size() < kCountedBytes) return {};
  return fail(
      ErrorCode::kContextLength,
      fmt::format("prompt has at least {} tokens ({} bytes), context is {}; {}", least, text.size(), context, kShorten),
      param);
}

std::int32_t input_tokens_max(const PrepareLimits& limits, const domain::Envelope& envelope) {
  const std::int32_t asked = envelope.context_tokens.value_or(0);
  return asked > 0 ? std::min(limits.embed_tokens, asked) : limits.embed_tokens;
}

std::int32_t cut_end(const Vocab& vocab, std::int32_t most, domain::Tokens& tokens) {
  const auto dropped = static_cast<std::int32_t>(tokens.size()) - most;
  const domain::Token last = tokens.back();
  const auto frame = vocab.tokenize("", true, false);  // what the model wants around a text
  tokens.resize(static_cast<std::size_t>(most));
  if (vocab.is_end(last) || (frame.size() > 1 && frame.back() == last)) tokens.back() = last;
  return dropped;
}

std::size_t prompt_tokens_max(const PreparedGeneration& work, bool cut) {
  const std::int32_t context = work.context_tokens;
  if (work.generation.max_tokens == 0) return static_cast<std::size_t>(context);
  if (!cut) return static_cast<std::size_t>(std::max(context - 1, 0));
  const std::int32_t quarter = std::max(context / 4, 1);
  return static_cast<std::size_t>(
      std::max(context - std::min(work.generation.max_tokens.value_or(quarter), quarter), 0));
}

Result<void> check_tokens(const Vocab& vocab, const domain::Tokens& tokens, const std::string& param) {
  const auto bad = std::ranges::find_if(tokens, [&](domain::Token t) { return t < 0 || t >= vocab.size(); });
  if (bad == tokens.end()) return {};
  return fail(ErrorCode::kInvalidRequest,
              fmt::format("{} has token {}, which is not in the vocabulary of {} tokens", param, *bad, vocab.size()),
              param);
}

Result<PreparedGeneration> prepare_generation(const TokenModel& model, const PrepareLimits& limits,
                                              const domain::Envelope& envelope, const domain::Generation& settings,
                                              std::size_t prompts) {
  const auto invalid = [](std::string message, std::string param) {
    return fail(ErrorCode::kInvalidRequest, std::move(message), std::move(param));
  };
  if (settings.n < 1 || settings.n > kChoicesMax)
    return invalid(fmt::format("n is {}; allowed: 1 to {}", settings.n, kChoicesMax), "n");
  if (static_cast<std::size_t>(settings.n) * prompts > kAllChoicesMax) {
    return invalid(fmt::format("{} prompts with n = {} make more than {} choices", prompts, settings.n, kAllChoicesMax),
                   "n");
  }
  if (settings.max_tokens && *settings.max_tokens < 0) {
    return invalid(fmt::format("max_tokens is {}; it must not be negative", *settings.max_tokens), "max_tokens");
  }
  if (settings.top_logprobs < 0 || settings.top_logprobs > kTopLogprobsMax) {
    return invalid(fmt::format("top_logprobs is {}; allowed: 0 to {}", settings.top_logprobs, kTopLogprobsMax),
                   "top_logprobs");
  }
  std::size_t stop_bytes = 0;
  for (const auto& stop : settings.stop) stop_bytes += stop.size();
  if (settings.stop.size() > kStopsMax || stop_bytes > kStopBytesMax) {
    return invalid(fmt::format("stop has {} texts of {} bytes; allowed: {} texts of {} bytes together",
                               settings.stop.size(), stop_bytes, kStopsMax, kStopBytesMax),
                   "stop");
  }
  const auto& samplers = settings.sampling;
  if (samplers.samplers.size() > domain::kSamplersMax) {
    return invalid(fmt::format("samplers has {}; allowed: {}", samplers.samplers.size(), domain::kSamplersMax),
                   "samplers");
  }
  if (samplers.dry.sequence_breakers.size() > domain::kDryBreakersMax) {
    return invalid(fmt::format("dry_sequence_breakers has {} texts; allowed: {}", samplers.dry.sequence_breakers.size(),
                               domain::kDryBreakersMax),
                   "dry_sequence_breakers");
  }
  for (const auto& [token, bias] : samplers.logit_bias) {
    if (token < 0 || token >= model.vocab().size()) {
      return invalid(fmt::format("logit_bias has token {}, which is not in the vocabulary of {} tokens", token,
                                 model.vocab().size()),
                     "logit_bias");
    }
  }
  PreparedGeneration out;
  out.generation = settings;
  out.seed = settings.sampling.seed ? *settings.sampling.seed : random_seed();
  out.context_tokens = limits.context_tokens;
  out.shift = settings.shift.value_or(limits.shift);
  out.keep_tokens = settings.keep_tokens;
  if (envelope.context_tokens && *envelope.context_tokens > 0) {
    out.context_tokens = std::min(out.context_tokens, *envelope.context_tokens);
  }
  return out;
}

}  // namespace detail

namespace {

// How many tokens before a prompt's text are not part of it: the beginning-of-text token, unless the client wrote it.
std::int32_t added_tokens(const Vocab& vocab, std::string_view text, const domain::Tokens& tokens) {
  const auto bos = vocab.begin();
  const bool added =
      bos.size() == 1 && tokens.front() == bos.front() && !text.starts_with(vocab.piece(bos.front(), true));
  return added ? 1 : 0;
}

void add_echo(const Vocab& vocab, const std::variant<std::string, domain::Tokens>& prompt, bool infill,
              PreparedPrompt& out) {
  if (const auto* text = std::get_if<std::string>(&prompt)) {
    out.echo_from = added_tokens(vocab, *text, out.tokens);
    out.echo = base::to_valid_utf8(*text);
  } else {
    out.echo = base::to_valid_utf8(vocab.detokenize(infill ? std::get<domain::Tokens>(prompt) : out.tokens));
  }
}

// The prompt of one gap, cut if it has to be and may be.
Result<domain::Tokens> fill_prompt(const Vocab& vocab, const domain::CompletionRequest& request,
                                   const std::variant<std::string, domain::Tokens>& prompt, const std::string& param,
                                   PreparedGeneration& out) {
  domain::Tokens prefix;
  if (const auto* ids = std::get_if<domain::Tokens>(&prompt)) {
    HEARTH_CHECK(detail::check_tokens(vocab, *ids, param));
    prefix = *ids;
  } else {
    prefix = vocab.tokenize(std::get<std::string>(prompt), false, false);
  }
  InfillParts parts = infill_parts(vocab, std::move(prefix), request);
  auto tokens = infill_prompt(vocab, parts);
  if (tokens.size() <= detail::prompt_tokens_max(out, false)) return tokens;
  const std::size_t most = detail::prompt_tokens_max(out, true);
  if (!request.generation.truncate || most <= infill_marks(vocab))
    return detail::too_long(tokens.size(), out.context_tokens, param);
  out.dropped += static_cast<std::int32_t>(cut_infill(parts, most - infill_marks(vocab)));
  return infill_prompt(vocab, parts);
}

}  // namespace

Result<Prepared> prepare(const TokenModel& model, const PrepareLimits& limits,
                         const domain::CompletionRequest& request) {
  if (request.prompts.empty()) return fail(ErrorCode::kInvalidRequest, "prompt is empty", "prompt");
  HEARTH_TRY(auto out,
             detail::prepare_generation(model, limits, request.envelope, request.generation, request.prompts.size()));
  const Vocab& vocab = model.vocab();
  for (std::size_t i = 0; i < request.prompts.size(); ++i) {
    const auto& prompt = request.prompts[i];
    const auto param = at("prompt", i, request.prompts.size());
    if (const auto* text = std::get_if<std::string>(&prompt); text != nullptr && !request.generation.truncate)
      HEARTH_CHECK(
          detail::check_length(vocab, *text, detail::prompt_tokens_max(out, false), out.context_tokens, param));
    HEARTH_TRY(auto tokens, request.infill ? fill_prompt(vocab, request, prompt, param, out)
                                           : tokens_of(vocab, prompt, param, true));
    if (tokens.size() > detail::prompt_tokens_max(out, false)) {
      const std::size_t most = detail::prompt_tokens_max(out, true);
      if (!request.generation.truncate || most == 0)
        return detail::too_long(tokens.size(), out.context_tokens, "prompt");
      out.dropped += cut_front(vocab, most, tokens);
    }
    PreparedPrompt prepared{.tokens = std::move(tokens)};
    if (request.echo) add_echo(vocab, prompt, request.infill, prepared);
    out.prompts.push_back(std::move(prepared));
  }
  out.scores_prompts = request.echo && request.generation.logprobs;
  std::size_t echoed = 0;
  for (const auto& prompt : out.prompts) echoed += prompt.tokens.size();
  echoed *=
      static_cast<std::size_t>(request.generation.n) * (1 + static_cast<std::size_t>(request.generation.top_logprobs));
  if (out.scores_prompts && echoed > kEchoedMax)
    return fail(ErrorCode::kInvalidRequest,
                fmt::format("the answer would have {} probabilities of tokens of its prompts; allowed: {}; send fewer "
                            "prompts, or ask for fewer choices or alternatives",
                            echoed, kEchoedMax),
                "logprobs");
  return out;
}

Result<Prepared> prepare(const TokenModel& model, const PrepareLimits& limits, const domain::EmbedRequest& request) {
  if (request.inputs.size() > kInputsMax) {
    return fail(ErrorCode::kInvalidRequest,
                fmt::format("input has {} texts; allowed: {}", request.inputs.size(), kInputsMax), "input");
  }
  const std::int32_t most = detail::input_tokens_max(limits, request.envelope);
  PreparedEmbedding out{.pooling = request.pooling, .dimensions = request.dimensions, .normalize = request.normalize};
  std::size_t tokens_all = 0;
  for (std::size_t i = 0; i < request.inputs.size(); ++i) {
    const auto param = at("input", i, request.inputs.size());
    if (const auto* text = std::get_if<std::string>(&request.inputs[i]); text != nullptr && !request.truncate)
      HEARTH_CHECK(detail::check_length(model.vocab(), *text, static_cast<std::size_t>(most), most, param));
    HEARTH_TRY(auto tokens, tokens_of(model.vocab(), request.inputs[i], param, false));
    if (tokens.size() > static_cast<std::size_t>(most)) {
      if (!request.truncate) {
        return fail(ErrorCode::kContextLength,
                    fmt::format("input {} has {} tokens, context is {}; shorten it", i, tokens.size(), most), "input");
      }
      out.dropped += detail::cut_end(model.vocab(), most, tokens);
    }
    tokens_all += tokens.size();
    out.inputs.push_back({.tokens = std::move(tokens)});
  }
  const auto width = static_cast<std::size_t>(std::max(model.info().capabilities.embedding_dimensions, 1));
  if (request.pooling == domain::Pooling::kNone && tokens_all * width > kTokenValuesMax) {
    return fail(ErrorCode::kInvalidRequest,
                fmt::format("vectors of {} tokens with {} numbers each are more than {} numbers; send less at once",
                            tokens_all, width, kTokenValuesMax),
                "input");
  }
  return out;
}

}  // namespace hearth::engine::core
