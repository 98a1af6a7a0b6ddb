#include "chat/go/parser.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <optional>
#include <set>
#include <utility>

#include "base/strings.hpp"
#include "chat/go/lexer.hpp"
#include "chat/go/pipeline_parser.hpp"

namespace hearth::chat::go {
namespace {

constexpr std::size_t kSourceMax = 1 << 20;

class Parser : private PipelineParser {
 public:
  Parser(std::string_view source, Program& out) : PipelineParser(source), out_(out) {}

  Result<void> run() {
    HEARTH_CHECK(advance());
    HEARTH_TRY(const auto end, nodes(out_.main));
    if (end.word.empty()) return {};
    return bad(end.offset, fmt::format("unexpected {{{{{}}}}}", end.word));
  }

 private:
  // What ended a list of nodes: {{end}}, {{else}}, or the end of the template. The token behind the word is current.
  struct End {
    std::string_view word;
    std::size_t offset = 0;
  };

  Result<End> nodes(Nodes& out);
  Result<std::optional<End>> action(Nodes& out);
  Result<void> keyword(std::string_view word, std::size_t offset, Nodes& out);
  Result<void> control(Node::Kind kind, std::string_view word, std::size_t offset, Nodes& out);
  Result<void> define(std::size_t offset);
  Result<void> call(bool block, std::size_t offset, Nodes& out);
  Result<void> keep(std::string name, Nodes body, std::size_t offset);
  Result<std::string> quoted_name(std::string_view where);
  Result<void> leave_loop(Node::Kind kind, std::string_view word, std::size_t offset, Nodes& out);

  Program& out_;
  std::set<std::string, std::less<>> filled_;  // named templates that are not blank
  int loops_ = 0;
};

// Until {{end}}, {{else}} or the end of the template.
Result<Parser::End> Parser::nodes(Nodes& out) {
  const Level level(*this);
  if (is_too_deep()) return bad(token_.offset, "the template is nested too deeply");
  while (token_.kind != Kind::kEnd) {
    if (token_.kind == Kind::kText) {
      out.push_back({.kind = Node::Kind::kText, .offset = token_.offset, .text = std::string(token_.text)});
      HEARTH_CHECK(advance());
      continue;
    }
    HEARTH_CHECK(advance());  // the {{
    HEARTH_TRY(const auto end, action(out));
    if (end) return *end;
  }
  return End{.word = {}, .offset = token_.offset};
}

Result<std::optional<Parser::End>> Parser::action(Nodes& out) {
  HEARTH_CHECK(skip_space());
  const auto offset = token_.offset;
  static constexpr std::string_view kKeywords[] = {"if",       "with",  "range",    "define", "block",
                                                   "template", "break", "continue", "end",    "else"};
  if (token_.kind == Kind::kWord && std::ranges::find(kKeywords, token_.text) != std::end(kKeywords)) {
    const auto word = token_.text;
    HEARTH_CHECK(advance());
    if (word == "end" || word == "else") return End{.word = word, .offset = offset};
    HEARTH_CHECK(keyword(word, offset, out));
    return std::nullopt;
  }
  Node node{.kind = Node::Kind::kAction, .offset = offset};
  HEARTH_TRY(node.pipeline, pipeline("command", Kind::kClose));
  HEARTH_CHECK(close("command"));
  out.push_back(std::move(node));
  return std::nullopt;
}

Result<void> Parser::keyword(std::string_view word, std::size_t offset, Nodes& out) {
  if (word == "if") return control(Node::Kind::kIf, word, offset, out);
  if (word == "with") return control(Node::Kind::kWith, word, offset, out);
  if (word == "range") return control(Node::Kind::kRange, word, offset, out);
  if (word == "define") return define(offset);
  if (word == "break") return leave_loop(Node::Kind::kBreak, word, offset, out);
  if (word == "continue") return leave_loop(Node::Kind::kContinue, word, offset, out);
  return call(word == "block", offset, out);
}

Result<void> Parser::leave_loop(Node::Kind kind, std::string_view word, std::size_t offset, Nodes& out) {
  if (loops_ == 0) return bad(offset, fmt::format("{{{{{}}}}} outside of range", word));
  HEARTH_CHECK(close(word));
  out.push_back({.kind = kind, .offset = offset});
  return {};
}

// if, with and range, up to their end. Variables of a pipeline are known until there.
Result<void> Parser::control(Node::Kind kind, std::string_view word, std::size_t offset, Nodes& out) {
  Node node{.kind = kind, .offset = offset};
  const auto before = known_.size();
  const bool loop = kind == Node::Kind::kRange;
  while (true) {
    auto& branch = node.branches.emplace_back();
    HEARTH_TRY(branch.pipeline, pipeline(word, Kind::kClose));
    HEARTH_CHECK(close(word));
    const auto outside = known_.size();
    loops_ += loop ? 1 : 0;
    HEARTH_TRY(auto end, nodes(branch.body));
    loops_ -= loop ? 1 : 0;
    known_.resize(outside);
    if (end.word == "else") {
      HEARTH_CHECK(skip_space());
      if (!loop && token_.kind == Kind::kWord && token_.text == word) {  // else if, else with
        HEARTH_CHECK(advance());
        continue;
      }
      HEARTH_CHECK(close("else"));
      HEARTH_TRY(end, nodes(node.otherwise));
      if (end.word == "else") return bad(end.offset, "expected end, found {{else}}");
    }
    if (end.word.empty()) return bad(offset, fmt::format("{{{{{}}}}} has no {{{{end}}}}", word));
    HEARTH_CHECK(close("end"));
    break;
  }
  known_.resize(before);
  out.push_back(std::move(node));
  return {};
}

Result<std::string> Parser::quoted_name(std::string_view where) {
  HEARTH_CHECK(skip_space());
  if (token_.kind != Kind::kString) return unexpected(where);
  auto name = unquote(token_.text);
  if (!name) return bad(token_.offset, name.error().message);
  HEARTH_CHECK(advance());
  return name;
}

Result<void> Parser::keep(std::string name, Nodes body, std::size_t offset) {
  const auto is_blank = [](const Nodes& nodes) {
    return std::ranges::all_of(
        nodes, [](const Node& node) { return node.kind == Node::Kind::kText && base::trim(node.text).empty(); });
  };
  const bool blank = is_blank(body);
  if (filled_.contains(name))
    return blank ? Result<void>{}
                 : bad(offset, fmt::format("template '{}' is defined twice", base::one_line(name.substr(0, 100))));
  if (!blank) filled_.insert(name);
  out_.named[std::move(name)] = std::move(body);
  return {};
}

Result<void> Parser::define(std::size_t offset) {
  if (depth() > 1) return bad(offset, "define may not stand inside of another block");
  HEARTH_TRY(auto name, quoted_name("define"));
  HEARTH_CHECK(close("define"));
  auto outer = std::exchange(known_, {"$"});
  Nodes body;
  HEARTH_TRY(const auto end, nodes(body));
  if (end.word != "end") return bad(offset, "{{define}} has no {{end}}");
  HEARTH_CHECK(close("end"));
  known_ = std::move(outer);
  return keep(std::move(name), std::move(body), offset);
}

// template, and block: a template that is defined where it is called.
Result<void> Parser::call(bool block, std::size_t offset, Nodes& out) {
  const std::string_view where = block ? "block" : "template";
  Node node{.kind = Node::Kind::kTemplate, .offset = offset};
  HEARTH_TRY(node.text, quoted_name(where));
  HEARTH_CHECK(skip_space());
  if (block || token_.kind != Kind::kClose) {
    HEARTH_TRY(node.pipeline, pipeline(where, Kind::kClose));
  }
  HEARTH_CHECK(close(where));
  if (block) {
    auto outer = std::exchange(known_, {"$"});
    const auto loops = std::exchange(loops_, 0);
    Nodes body;
    HEARTH_TRY(const auto end, nodes(body));
    if (end.word != "end") return bad(offset, "{{block}} has no {{end}}");
    HEARTH_CHECK(close("end"));
    known_ = std::move(outer);
    loops_ = loops;
    HEARTH_CHECK(keep(node.text, std::move(body), offset));
  }
  out.push_back(std::move(node));
  return {};
}

}  // namespace

Result<Program> parse(std::string source) {
  if (source.size() > kSourceMax)
    return fail(ErrorCode::kInvalidRequest, fmt::format("the template is longer than {} bytes", kSourceMax),
                "template");
  Program out{.source = std::move(source), .main = {}, .named = {}};
  HEARTH_CHECK(Parser(out.source, out).run());
  return out;
}

}  // namespace hearth::chat::go
