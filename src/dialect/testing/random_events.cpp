#include "dialect/testing/random_events.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "base/strings.hpp"

namespace hearth::dialect::testing {
namespace {

using domain::BlockKind;
using domain::Event;

int pick(std::mt19937& random, int limit) { return std::uniform_int_distribution<int>(0, limit - 1)(random); }

std::string random_text(std::mt19937& random, int length_max) {
  static constexpr std::array<std::string_view, 8> kPieces{"a", "Ket", " ", "\n", "\"", "é", "日本", "🔥"};
  std::string out;
  for (int i = pick(random, length_max + 1); i > 0; --i) out += kPieces.at(static_cast<std::size_t>(pick(random, 8)));
  return out;
}

domain::TokenLogprob logprob_of(std::string text, double logprob) {
  domain::TokenLogprob out{.text = std::move(text), .id = 5, .logprob = logprob};
  out.top.push_back({.text = out.text, .id = 5, .logprob = logprob});
  out.top.push_back({.text = "\xE6\x97", .id = 6, .logprob = logprob - 1});  // half a character
  return out;
}

void add_block(std::mt19937& random, const StreamShape& shape, std::int32_t choice, std::int32_t index, BlockKind kind,
               std::vector<Event>& out) {
  domain::BlockOpened opened{.choice = choice, .index = index, .kind = kind};
  std::vector<std::string> pieces;
  if (kind == BlockKind::kToolCall) {
    opened.tool_name = "lamp";
    if (pick(random, 2) == 0) opened.tool_id = "call_" + std::to_string(choice) + std::to_string(index);
    pieces = {"{\"on\":", "true,\"level\"", ":3}"};
  } else {
    for (int i = pick(random, 5); i > 0; --i) pieces.push_back(random_text(random, 6));
  }
  out.emplace_back(opened);
  for (auto& piece : pieces) {
    domain::Delta delta{.choice = choice, .index = index, .text = piece, .tokens = 1};
    if (shape.logprobs) delta.logprobs.push_back(logprob_of(piece, -0.25));
    out.emplace_back(std::move(delta));
  }
  out.emplace_back(
      domain::BlockClosed{.choice = choice, .index = index, .signature = kind == BlockKind::kThinking ? "sig" : ""});
}

std::vector<Event> random_choice(std::mt19937& random, const StreamShape& shape, std::int32_t choice) {
  std::vector<Event> out;
  std::int32_t index = 0;
  bool called = false;
  if (shape.thinking && pick(random, 2) == 0) add_block(random, shape, choice, index++, BlockKind::kThinking, out);
  if (pick(random, 4) != 0) add_block(random, shape, choice, index++, BlockKind::kText, out);
  while (shape.tools && pick(random, 2) == 0) {
    add_block(random, shape, choice, index++, BlockKind::kToolCall, out);
    called = true;
  }
  domain::ChoiceFinished finish{.choice = choice};
  if (called) {
    finish.reason = domain::FinishReason::kToolCalls;
  } else {
    finish.reason = pick(random, 2) == 0 ? domain::FinishReason::kStop : domain::FinishReason::kLength;
    if (finish.reason == domain::FinishReason::kStop && pick(random, 2) == 0) finish.stop_sequence = "END";
  }
  out.emplace_back(finish);
  return out;
}

// Complete characters only.
std::size_t cut_of(std::mt19937& random, const std::string& text) {
  const auto at = static_cast<std::size_t>(pick(random, static_cast<int>(text.size()) + 1));
  return base::complete_utf8_prefix(std::string_view(text).substr(0, at));
}

}  // namespace

std::vector<Event> random_stream(std::mt19937& random, const StreamShape& shape) {
  std::vector<Event> out{domain::Started{.model = "tiny", .prompt_tokens = 12, .cached_tokens = 4}};
  std::vector<std::vector<Event>> choices;
  for (std::int32_t c = 0; c < shape.choices; ++c) choices.push_back(random_choice(random, shape, c));
  std::vector<std::size_t> at(choices.size());
  std::size_t left = 0;
  for (const auto& c : choices) left += c.size();
  for (std::size_t current = 0; left > 0; --left) {
    if (shape.interleaved) current = static_cast<std::size_t>(pick(random, shape.choices));
    while (at[current] == choices[current].size()) current = (current + 1) % choices.size();
    out.push_back(choices[current][at[current]++]);
  }
  out.emplace_back(domain::Finished{.usage = {.prompt = 12, .cached = 4, .completion = 7, .reasoning = 2}});
  return out;
}

std::vector<Event> rechunked(std::mt19937& random, const std::vector<Event>& events) {
  std::vector<Event> out;
  for (const auto& event : events) {
    const auto* delta = std::get_if<domain::Delta>(&event);
    if (delta == nullptr) {
      out.push_back(event);
      continue;
    }
    domain::Delta rest = *delta;
    for (int i = pick(random, 4); i > 0; --i) {
      const std::size_t cut = cut_of(random, rest.text);
      domain::Delta piece = rest;
      piece.text = rest.text.substr(0, cut);
      out.emplace_back(std::move(piece));
      rest.text.erase(0, cut);
      rest.logprobs.clear();  // they went with the first piece
      rest.tokens = 0;
    }
    out.emplace_back(std::move(rest));
  }
  return out;
}

}  // namespace hearth::dialect::testing
