#include "engine/constraint/grammars.hpp"

#include <fmt/format.h>
#include <utility>
#include <vector>

#include "json/writer.hpp"

namespace hearth::engine::constraint {
namespace {

using xgrammar::Grammar;
using Kind = domain::ResponseFormat::Kind;

std::string literal(std::string_view text) {
  std::string out;
  json::append_quoted(out, text);
  return out;
}

// What may stand before what the model is asked for. Thinking ends where its mark first stands.
std::string opening_of(const chat::AnswerFormat& format) {
  const auto& marks = format.thinking;
  if (!marks.possible) return {};
  const std::string end = literal(marks.end);
  const std::string after = format.after_thinking.empty() ? "" : literal(format.after_thinking);
  const std::string body = fmt::format("body {} {} [ \\t\\r\\n]{{0,{}}}", end, after, kSpacesMax);
  const std::string root = marks.opened ? body : fmt::format("({} {})?", literal(marks.begin), body);
  return fmt::format("root ::= {}\nbody ::= TagDispatch(excludes=({},))\n", root, end);
}

Grammar after_opening(const chat::AnswerFormat& format, Grammar rest) {
  const std::string opening = opening_of(format);
  return opening.empty() ? rest : Grammar::Concat({Grammar::FromEBNF(opening), std::move(rest)});
}

}  // namespace

Grammar grammar_of(const domain::ResponseFormat& format, const std::string& schema) {
  switch (format.kind) {
    case Kind::kGrammar: return Grammar::FromEBNF(format.text);
    case Kind::kRegex: return Grammar::FromRegex(format.text);
    default: return Grammar::FromJSONSchema(schema, true, std::nullopt, std::nullopt, false, kSpacesMax);
  }
}

Grammar framed(const chat::AnswerFormat& format, Grammar text) {
  if (!format.text_begin.empty())
    text = Grammar::Concat({Grammar::FromEBNF("root ::= " + literal(format.text_begin)), std::move(text)});
  return after_opening(format, std::move(text));
}

Grammar calls_of(const chat::AnswerFormat& format) {
  return after_opening(format, Grammar::FromEBNF(format.required_grammar));
}

}  // namespace hearth::engine::constraint
