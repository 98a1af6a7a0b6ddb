#include "chat/listed_values.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <fmt/format.h>
#include <optional>

#include "json/reader.hpp"
#include "json/writer.hpp"

namespace hearth::chat {
namespace {

namespace bj = boost::json;

std::string literal(std::string_view text) {
  std::string out;
  json::append_quoted(out, text);
  return out;
}

// "on" | "off"; nothing for a schema that is no list of texts.
std::optional<std::string> choice_of(const bj::value& schema) {
  if (!schema.is_object()) return std::nullopt;
  bj::array values;
  if (const auto* one = schema.get_object().if_contains("const"))
    values = {*one};
  else if (const auto* list = schema.get_object().if_contains("enum"); list != nullptr && list->is_array())
    values = list->get_array();
  std::string out;
  for (const auto& value : values) {
    if (!value.is_string()) return std::nullopt;
    out += (out.empty() ? "" : " | ") + literal(value.get_string());
  }
  return out.empty() ? std::nullopt : std::optional(out);
}

// The right side of a rule: where it begins, and how long it is.
struct Body {
  std::size_t begin = 0;
  std::size_t size = 0;
  [[nodiscard]] std::string_view in(std::string_view grammar) const { return grammar.substr(begin, size); }
};
std::optional<Body> body_of(std::string_view grammar, std::string_view rule) {
  const std::string head = fmt::format("{} ::= ", rule);
  for (std::size_t at = 0; at < grammar.size();) {
    const std::size_t end = std::min(grammar.find('\n', at), grammar.size());
    if (grammar.substr(at, end - at).starts_with(head))
      return Body{.begin = at + head.size(), .size = end - at - head.size()};
    at = end + 1;
  }
  return std::nullopt;
}

// What ends the text that the rule `ac-N` takes. Its state number k, "ac-N-k", has read k characters of it; the class
// of characters before the name of the next state, and in the last state the one before no name, is the next of them.
std::optional<std::string> end_of(std::string_view grammar, std::string_view automaton) {
  std::string out;
  std::string state(automaton);
  for (int k = 1;; ++k) {
    const auto body = body_of(grammar, state);
    if (!body) return out.empty() ? std::nullopt : std::optional(out);
    state = fmt::format("{}-{:02}", automaton, k);
    bool found = false;
    const auto text = body->in(grammar);
    for (std::size_t begin = text.find('['); begin != std::string_view::npos && !found; begin = text.find('[', begin)) {
      std::size_t end = begin + 1;
      while (end < text.size() && text[end] != ']') end += text[end] == '\\' ? 2 : 1;
      const auto rest = text.substr(std::min(end + 1, text.size()));
      found = rest.empty() || rest.starts_with(" |") || rest == " " + state || rest.starts_with(" " + state + " ");
      if (found) out += fmt::format("{} ", text.substr(begin, end + 1 - begin));
      begin = end;
    }
    if (!found) return std::nullopt;
  }
}

// Puts the values in the place of the free text at the end of an argument's rule: an automaton up to the end of the
// text, alone or as a rule that others share, or a text and then its end.
void list_values(std::string& grammar, const std::string& rule, const std::string& name, const std::string& values) {
  const auto body = body_of(grammar, rule);
  if (!body || !body->in(grammar).contains(literal(name))) return;
  const std::string text(body->in(grammar));
  std::size_t from = text.rfind(" until-");
  if (from != std::string::npos) {
    const std::size_t to = std::min(text.find(' ', from + 1), text.size());
    grammar.replace(body->begin + from, to - from, fmt::format(" ({})", values));
    return;
  }
  from = text.rfind(' ');
  if (from == std::string::npos) return;
  std::string automaton = text.substr(from + 1);
  if (const auto shared = body_of(grammar, automaton); shared && !automaton.starts_with("ac-"))
    automaton = shared->in(grammar);
  if (!automaton.starts_with("ac-")) return;
  if (const auto end = end_of(grammar, automaton))
    grammar.replace(body->begin + from, text.size() - from, fmt::format(" ({}) {}", values, *end));
}

}  // namespace

std::string with_listed_values(std::string grammar, std::size_t tool, std::string_view parameters) {
  const auto schema = json::parse(parameters);
  const auto* properties = schema && schema->is_object() ? schema->get_object().if_contains("properties") : nullptr;
  if (properties == nullptr || !properties->is_object()) return grammar;
  std::size_t index = 0;
  for (const auto& [name, property] : properties->get_object()) {
    if (const auto values = choice_of(property))
      list_values(grammar, fmt::format("tool-{}-arg-{}", tool, index), std::string(name), *values);
    ++index;
  }
  return grammar;
}

}  // namespace hearth::chat
