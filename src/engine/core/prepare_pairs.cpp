// What a model's head is asked about: queries with documents, texts that are put into classes.
#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "base/strings.hpp"
#include "engine/core/prepare.hpp"

namespace hearth::engine::core {
namespace {

constexpr std::size_t kDocumentsMax = 10'000;
constexpr std::size_t kCutsMax = 8;
constexpr std::size_t kQueryBytesMax = 32 << 20;  // of one request: the query stands before each document

// The text that the first `most` tokens of `text` stand for; nothing if there are no more than that.
std::optional<std::string> head_of(const Vocab& vocab, std::string_view text, std::size_t most) {
  auto tokens = vocab.tokenize(text, false, false);
  if (tokens.size() <= most) return std::nullopt;
  tokens.resize(most);
  auto out = vocab.detokenize(tokens);
  out.resize(base::complete_utf8_prefix(out));
  return out;
}

struct PairPreparer {
  const TokenModel& model;
  std::int32_t most;
  bool truncate;
  std::int32_t dropped = 0;

  [[nodiscard]] std::unexpected<Error> too_long(std::size_t tokens, std::string param) const {
    return fail(ErrorCode::kContextLength,
                fmt::format("{} with the text before it has {} tokens, context is {}; shorten it or ask to truncate",
                            param, tokens, most),
                param);
  }

  // Only `second` is cut: to `second_most` tokens, and so that the pair fits. Tokens are counted again after a cut and
  // more are cut each time, since those of a text depend on what stands around it.
  Result<PairPrompt> pair(std::string_view first, std::string_view second, std::optional<std::int32_t> second_most,
                          const std::string& param) {
    if (!truncate && !second_most) HEARTH_CHECK(detail::check_length(model.vocab(), second, fits(), most, param));
    auto out = model.pair(first, second);
    const auto whole = static_cast<std::int32_t>(out.tokens.size());
    std::string text;
    const auto cut = [&](std::size_t tokens) {
      auto head = head_of(model.vocab(), second, tokens);
      if (!head) return false;
      text = *std::move(head);
      second = text;
      out = model.pair(first, second);
      return true;
    };
    if (second_most) cut(static_cast<std::size_t>(*second_most));
    for (std::size_t i = 0; out.tokens.size() > fits(); ++i) {
      const std::size_t excess = out.tokens.size() - fits() + i;
      const std::size_t length = model.vocab().tokenize(second, false, false).size();
      if (!truncate || length <= excess || i == kCutsMax || !cut(length - excess))
        return too_long(out.tokens.size(), param);
    }
    dropped += whole - static_cast<std::int32_t>(out.tokens.size());
    return out;
  }

  Result<domain::Tokens> single(std::string_view text, const std::string& param) {
    if (!truncate) HEARTH_CHECK(detail::check_length(model.vocab(), text, fits(), most, param));
    auto tokens = model.vocab().tokenize(text, true, false);
    if (tokens.size() > fits()) {
      if (!truncate) return detail::too_long(tokens.size(), most, param);
      dropped += detail::cut_end(model.vocab(), most, tokens);
    }
    return tokens;
  }

  [[nodiscard]] std::size_t fits() const { return static_cast<std::size_t>(most); }
};

}  // namespace

Result<Prepared> prepare(const TokenModel& model, const PrepareLimits& limits, const domain::RerankRequest& request) {
  if (request.query.empty()) return fail(ErrorCode::kInvalidRequest, "query is empty", "query");
  if (request.documents.empty() || request.documents.size() > kDocumentsMax) {
    return fail(ErrorCode::kInvalidRequest,
                fmt::format("documents has {} texts; allowed: 1 to {}", request.documents.size(), kDocumentsMax),
                "documents");
  }
  if (request.query.size() > kQueryBytesMax / request.documents.size()) {
    return fail(
        ErrorCode::kInvalidRequest,
        fmt::format("a query of {} bytes is too long for {} documents at once; allowed: {} bytes times documents",
                    request.query.size(), request.documents.size(), kQueryBytesMax),
        "query");
  }
  PairPreparer pairs{
      .model = model, .most = detail::input_tokens_max(limits, request.envelope), .truncate = request.truncate};
  PreparedEmbedding out{
      .wanted = PreparedEmbedding::Wanted::kRanking, .raw_scores = request.raw_scores, .top_n = request.top_n};
  for (std::size_t i = 0; i < request.documents.size(); ++i) {
    const auto param = fmt::format("documents[{}]", i);
    HEARTH_TRY(auto pair, pairs.pair(request.query, request.documents[i], request.document_tokens, param));
    out.inputs.push_back({.tokens = std::move(pair.tokens), .second = pair.second});
  }
  out.dropped = pairs.dropped;
  return out;
}

Result<Prepared> prepare(const TokenModel& model, const PrepareLimits& limits, const domain::ClassifyRequest& request) {
  if (request.inputs.empty() || request.inputs.size() > kDocumentsMax) {
    return fail(ErrorCode::kInvalidRequest,
                fmt::format("inputs has {} texts; allowed: 1 to {}", request.inputs.size(), kDocumentsMax), "inputs");
  }
  PairPreparer pairs{
      .model = model, .most = detail::input_tokens_max(limits, request.envelope), .truncate = request.truncate};
  PreparedEmbedding out{.wanted = PreparedEmbedding::Wanted::kClasses, .raw_scores = request.raw_scores};
  for (std::size_t i = 0; i < request.inputs.size(); ++i) {
    const auto& input = request.inputs[i];
    const auto param = request.inputs.size() == 1 ? std::string("inputs") : fmt::format("inputs[{}]", i);
    if (input.text.empty()) return fail(ErrorCode::kInvalidRequest, fmt::format("{} is empty", param), param);
    if (input.pair) {
      HEARTH_TRY(auto pair, pairs.pair(input.text, *input.pair, {}, param));
      out.inputs.push_back({.tokens = std::move(pair.tokens), .second = pair.second});
    } else {
      HEARTH_TRY(auto tokens, pairs.single(input.text, param));
      out.inputs.push_back({.tokens = std::move(tokens)});
    }
  }
  out.dropped = pairs.dropped;
  return out;
}

}  // namespace hearth::engine::core
