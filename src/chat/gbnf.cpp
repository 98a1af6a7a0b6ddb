#include "chat/gbnf.hpp"

#include <algorithm>
#include <cctype>

namespace hearth::chat {
namespace {

// The end of the literal or character class that begins at `at`; grammars from a generator are well formed.
std::size_t skip_quoted(std::string_view text, std::size_t at) {
  const char close = text[at] == '[' ? ']' : '"';
  for (++at; at < text.size() && text[at] != close; ++at) at += text[at] == '\\' ? 1 : 0;
  return std::min(at + 1, text.size());
}

bool is_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_'; }

// "until-12" or "until-12?" at the beginning of `text`: its length.
std::size_t free_text_at(std::string_view text) {
  constexpr std::string_view kName = "until-";
  if (!text.starts_with(kName)) return 0;
  std::size_t end = kName.size();
  while (end < text.size() && std::isdigit(static_cast<unsigned char>(text[end])) != 0) ++end;
  if (end < text.size() && text[end] == '?') ++end;
  return end == text.size() || text[end] == ' ' ? end : 0;
}

// Whether the next element is a rule for calls, perhaps after blanks.
bool calls_follow(std::string_view text) {
  constexpr std::string_view kSpace = "space ";
  if (text.starts_with(' ')) text.remove_prefix(1);
  if (text.starts_with('(')) text.remove_prefix(1);
  if (text.starts_with(kSpace)) text.remove_prefix(kSpace.size());
  std::size_t end = 0;
  while (end < text.size() && is_name(text[end])) ++end;
  return text.substr(0, end).find("tool") != std::string_view::npos;
}

// What follows the last free text that calls follow, up to the end of the group that it stands in.
std::optional<std::string_view> after_preamble(std::string_view rule) {
  std::optional<std::string_view> out;
  for (std::size_t at = 0; at < rule.size();) {
    const bool begins = at == 0 || rule[at - 1] == ' ' || rule[at - 1] == '(';
    const std::size_t free_text = begins ? free_text_at(rule.substr(at)) : 0;
    if (free_text > 0 && calls_follow(rule.substr(at + free_text))) out = rule.substr(at + free_text);
    at = rule[at] == '"' || rule[at] == '[' ? skip_quoted(rule, at) : at + 1;
  }
  if (!out) return out;
  std::size_t depth = 0;
  for (std::size_t at = 0; at < out->size(); ++at) {
    const char c = (*out)[at];
    if (c == '"' || c == '[') {
      at = skip_quoted(*out, at) - 1;
    } else if (c == '(') {
      ++depth;
    } else if ((c == ')' || c == '|') && depth == 0) {
      return out->substr(0, at);
    } else if (c == ')') {
      --depth;
    }
  }
  return out;
}

}  // namespace

std::string with_explicit_nothing(std::string_view grammar) {
  std::string out;
  bool wants = false;  // an alternative begins here
  for (std::size_t at = 0; at < grammar.size();) {
    const char c = grammar[at];
    if (c == '"' || c == '[') {
      const std::size_t end = skip_quoted(grammar, at);
      out += grammar.substr(at, end - at);
      at = end;
      wants = false;
      continue;
    }
    if (wants && (c == '|' || c == ')' || c == '\n')) out += "\"\" ";
    if (c == '|' || c == '(' || c == '=')
      wants = true;
    else if (c != ' ')
      wants = false;
    out += c;
    ++at;
  }
  if (wants) out += "\"\"";
  return out;
}

std::optional<std::string> calls_only(std::string_view grammar) {
  constexpr std::string_view kRoot = "root ::=";
  std::string out;
  bool found = false;
  while (!grammar.empty()) {
    const auto end = std::min(grammar.find('\n'), grammar.size());
    const std::string_view line = grammar.substr(0, end);
    if (line.starts_with(kRoot)) {
      const auto calls = after_preamble(line.substr(kRoot.size()));
      if (!calls) return std::nullopt;
      out.append(kRoot).append(*calls);
      found = true;
    } else {
      out += line;
    }
    out += '\n';
    grammar.remove_prefix(std::min(end + 1, grammar.size()));
  }
  return found ? std::optional(std::move(out)) : std::nullopt;
}

}  // namespace hearth::chat
