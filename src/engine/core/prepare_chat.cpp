#include <algorithm>
#include <fmt/format.h>
#include <optional>
#include <utility>
#include <vector>

#include "engine/constraint/schema.hpp"
#include "engine/core/prepare.hpp"

namespace hearth::engine::core {
namespace {

struct Fitted {
  domain::Tokens tokens;
  std::vector<std::string> stops;
};

// `work`: what a prompt that may not be cut has to fit; nullptr = any length.
Result<Fitted> render(const TokenModel& model, const domain::ChatRequest& chat,
                      const PreparedGeneration* work = nullptr) {
  HEARTH_TRY(auto rendered, model.render(chat));
  if (work != nullptr)
    HEARTH_CHECK(detail::check_length(model.vocab(), rendered.prompt, detail::prompt_tokens_max(*work, false),
                                      work->context_tokens, "messages"));
  auto tokens = tokenize_prompt(model.vocab(), rendered.prompt);
  if (tokens.empty()) return fail(ErrorCode::kInvalidRequest, "prompt is empty", "messages");
  return Fitted{.tokens = std::move(tokens), .stops = std::move(rendered.stops)};
}

// Messages that may be dropped, oldest first: all but system messages and the last one.
std::vector<std::size_t> droppable(const std::vector<domain::Message>& messages) {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i + 1 < messages.size(); ++i) {
    if (messages[i].role != domain::Role::kSystem) out.push_back(i);
  }
  return out;
}

domain::ChatRequest without(const domain::ChatRequest& chat, std::span<const std::size_t> dropped) {
  domain::ChatRequest out = chat;
  auto next = dropped.begin();
  std::size_t kept = 0;
  for (std::size_t i = 0; i < out.messages.size(); ++i) {
    if (next != dropped.end() && *next == i) {
      ++next;
    } else {
      if (kept != i) out.messages[kept] = std::move(out.messages[i]);
      ++kept;
    }
  }
  out.messages.resize(kept);
  return out;
}

// The chat with as few of the oldest messages dropped as needed. A template may refuse what is left (an answer before
// the first question): then one more goes, a few times. Binary search: each probe renders and tokenizes the whole chat.
std::optional<Fitted> fit(const TokenModel& model, const domain::ChatRequest& chat, std::size_t limit) {
  constexpr std::size_t kRefusalsMax = 4;
  const auto candidates = droppable(chat.messages);
  std::optional<Fitted> best;
  std::size_t low = 1;
  std::size_t high = candidates.size();
  while (low <= high) {
    std::size_t count = low + (high - low) / 2;
    const std::size_t probed = count;
    auto fitted = render(model, without(chat, std::span(candidates).first(count)));
    while (!fitted && count < std::min(high, probed + kRefusalsMax))
      fitted = render(model, without(chat, std::span(candidates).first(++count)));
    if (fitted && fitted->tokens.size() <= limit) {
      best = *std::move(fitted);
      high = probed - 1;
    } else {
      low = count + 1;
    }
  }
  return best;
}

// Texts that are one token of the vocabulary; what is several tokens is visible anyway.
domain::Tokens tokens_of(const Vocab& vocab, const std::vector<std::string>& texts) {
  domain::Tokens out;
  for (const auto& text : texts) {
    const auto tokens = vocab.tokenize(text, false, true);
    if (tokens.size() == 1 && !vocab.is_end(tokens.front())) out.push_back(tokens.front());
  }
  std::ranges::sort(out);
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

// The form of calls leaves out keywords that it does not know; of a strict tool all are to be kept.
Result<void> check_strict_tools(const std::vector<domain::Tool>& tools) {
  for (std::size_t i = 0; i < tools.size(); ++i) {
    if (!tools[i].strict || tools[i].parameters.empty()) continue;
    const auto schema = constraint::normalise_schema(tools[i].parameters);
    if (schema) continue;
    const Error& e = schema.error();
    return fail(e.code,
                fmt::format("the parameters of the strict tool '{}' cannot be kept: {}", tools[i].name, e.message),
                fmt::format("tools[{}].parameters{}{}", i, e.param.empty() ? "" : ".", e.param));
  }
  return {};
}

void set_format(const Vocab& vocab, const domain::ChatRequest& request, PreparedGeneration& out) {
  out.visible = tokens_of(vocab, out.format->visible);
  out.one_call = !request.tool_choice.parallel || request.tool_choice.mode == domain::ToolChoice::Mode::kNamed;
  if (request.reasoning.budget_tokens && !out.format->thinking.end.empty()) {
    out.thinking_max = request.reasoning.budget_tokens;
    out.thinking_end = vocab.tokenize(out.format->thinking.end, false, true);
  }
}

}  // namespace

Result<Prepared> prepare(const TokenModel& model, const PrepareLimits& limits, const domain::ChatRequest& request) {
  if (request.messages.empty()) return fail(ErrorCode::kInvalidRequest, "messages is empty", "messages");
  HEARTH_CHECK(check_strict_tools(request.tools));
  if (request.reasoning.required && !model.info().capabilities.tasks.has(domain::Task::kThinking))
    return fail(ErrorCode::kUnsupported, fmt::format("model '{}' does not support thinking", model.info().name),
                "reasoning");
  HEARTH_TRY(auto out, detail::prepare_generation(model, limits, request.envelope, request.generation, 1));
  HEARTH_TRY(auto fitted, render(model, request, request.generation.truncate ? nullptr : &out));
  if (fitted.tokens.size() > detail::prompt_tokens_max(out, false)) {
    const std::size_t whole = fitted.tokens.size();
    auto cut = request.generation.truncate ? fit(model, request, detail::prompt_tokens_max(out, true)) : std::nullopt;
    // Rather a short answer than none: at least the hard limit.
    if (!cut && request.generation.truncate) cut = fit(model, request, detail::prompt_tokens_max(out, false));
    if (!cut) return detail::too_long(whole, out.context_tokens, "messages");
    fitted = *std::move(cut);
    out.dropped = static_cast<std::int32_t>(whole - fitted.tokens.size());
  }
  HEARTH_TRY(out.format, model.answer_format(request));
  if (out.format) set_format(model.vocab(), request, out);
  out.model_stops = std::move(fitted.stops);
  out.prompts.push_back({.tokens = std::move(fitted.tokens), .echo = {}});
  return out;
}

}  // namespace hearth::engine::core
