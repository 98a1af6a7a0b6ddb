#include "domain/template_language.hpp"

#include <algorithm>
#include <array>

#include "base/strings.hpp"

namespace hearth::domain {
namespace {

constexpr std::array<std::string_view, 10> kKeywords{"if",    "else",   "end",      "range", "with",
                                                     "block", "define", "template", "break", "continue"};
constexpr std::string_view kBlanks = " \t\r\n";

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

bool is_keyword(std::string_view word) { return std::ranges::find(kKeywords, word) != kKeywords.end(); }

// Whether a word of Go stands here that is no name: a field, a variable, the dot itself.
bool is_go_word(std::string_view text) {
  if (text.starts_with('$')) return true;
  if (!text.starts_with('.')) return false;
  return text.size() == 1 || is_letter(text[1]) || kBlanks.contains(text[1]) || text[1] == ')';
}

// What stands between the braces.
bool is_go_action(std::string_view inside) {
  if (inside.starts_with('-')) inside.remove_prefix(1);
  if (inside.ends_with('-')) inside.remove_suffix(1);
  inside = base::trim(inside);
  if (inside.starts_with("/*")) return true;
  if (is_keyword(inside.substr(0, inside.find_first_of(kBlanks)))) return true;
  // Functions and their first arguments: in jinja a field or variable of Go never follows a name.
  while (!inside.empty()) {
    inside.remove_prefix(std::min(inside.find_first_not_of("( \t\r\n"), inside.size()));
    if (is_go_word(inside)) return true;
    const auto word = inside.substr(0, inside.find_first_of(kBlanks));
    if (!std::ranges::all_of(word, is_letter)) return false;
    inside.remove_prefix(word.size());
  }
  return false;
}

}  // namespace

bool is_go_template(std::string_view text) {
  if (text.contains("{%")) return false;
  for (auto at = text.find("{{"); at != std::string_view::npos; at = text.find("{{", at + 2)) {
    const auto inside = text.substr(at + 2);
    if (is_go_action(inside.substr(0, inside.find("}}")))) return true;
  }
  return false;
}

}  // namespace hearth::domain
