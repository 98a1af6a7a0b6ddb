#include "engine/core/answer/call_watch.hpp"

#include <algorithm>

namespace hearth::engine::core {
namespace {

// Patterns match what a format writes before a call, which is short.
constexpr std::size_t kKept = 1024;

}  // namespace

CallWatch::CallWatch(const chat::AnswerFormat& format) : marks_(format.thinking), thinking_(format.thinking.opened) {
  if (format.call_grammar.empty()) return;
  for (const auto& trigger : format.triggers) {
    if (trigger.is_pattern)
      triggers_.push_back({.word = {}, .pattern = std::regex(trigger.text)});
    else
      triggers_.push_back({.word = trigger.text, .pattern = {}});
    longest_word_ = std::max(longest_word_, triggers_.back().word.size());
  }
}

std::optional<std::string> CallWatch::feed(std::string_view bytes) {
  text_ += bytes;
  follow_thinking();
  std::optional<std::string> out;
  if (!thinking_) {
    if (const std::size_t at = find_call(); at != std::string::npos) {
      out = text_.substr(at);
      triggers_.clear();
    }
  }
  scanned_ = text_.size();
  if (text_.size() > 2 * kKept) {
    text_.erase(0, text_.size() - kKept);
    scanned_ = text_.size();
    shortened_ = true;
  }
  return out;
}

void CallWatch::follow_thinking() {
  while (true) {
    const std::string& mark = thinking_ ? marks_.end : marks_.begin;
    if (mark.empty()) return;
    const std::size_t from = scanned_ - std::min(scanned_, mark.size() - 1);
    const auto at = text_.find(mark, from);
    if (at == std::string::npos) return;
    text_.erase(0, at + mark.size());
    scanned_ = 0;
    shortened_ = false;
    thinking_ = !thinking_;
  }
}

std::size_t CallWatch::find_call() const {
  std::size_t first = std::string::npos;
  for (const auto& trigger : triggers_) {
    if (!trigger.word.empty()) {
      first = std::min(first, text_.find(trigger.word, scanned_ - std::min(scanned_, longest_word_ - 1)));
      continue;
    }
    std::smatch match;
    const auto flags = shortened_ ? std::regex_constants::match_not_bol : std::regex_constants::match_default;
    if (!std::regex_search(text_, match, trigger.pattern, flags)) continue;
    const bool has_group = match.size() > 1 && match[1].matched;
    first = std::min(first, static_cast<std::size_t>(match.position(has_group ? 1 : 0)));
  }
  return first;
}

}  // namespace hearth::engine::core
