#include "chat/go/pipeline_parser.hpp"

#include <fmt/format.h>
#include <utility>

#include "base/strings.hpp"
#include "chat/go/functions.hpp"
#include "chat/go/literal.hpp"

namespace hearth::chat::go {

std::unexpected<Error> PipelineParser::unexpected(std::string_view where) const {
  if (token_.kind == Kind::kEnd) return bad(token_.offset, fmt::format("the template ends in {}", where));
  if (token_.kind == Kind::kClose) return bad(token_.offset, fmt::format("missing value for {}", where));
  return bad(token_.offset, fmt::format("unexpected '{}' in {}", base::one_line(token_.text.substr(0, 40)), where));
}

Result<void> PipelineParser::advance() {
  HEARTH_TRY(token_, lexer_.next());
  return {};
}
Result<void> PipelineParser::skip_space() {
  if (token_.kind == Kind::kSpace) HEARTH_CHECK(advance());
  return {};
}
Result<void> PipelineParser::close(std::string_view where) {
  HEARTH_CHECK(skip_space());
  if (token_.kind != Kind::kClose) return unexpected(where);
  return advance();
}

bool PipelineParser::ends_word() const {
  return token_.kind == Kind::kSpace || token_.kind == Kind::kPipe || token_.kind == Kind::kClose ||
         token_.kind == Kind::kRight;
}

Result<Pipeline> PipelineParser::pipeline(std::string_view where, Kind end) {
  const Level level(*this);
  if (is_too_deep()) return bad(token_.offset, "the template is nested too deeply");
  HEARTH_CHECK(skip_space());
  Pipeline out{.offset = token_.offset};
  std::optional<Operand> first;
  HEARTH_CHECK(declarations(out, where, first));
  while (true) {
    HEARTH_CHECK(skip_space());
    if (!first && token_.kind == end) break;  // Go lets a pipeline end in a |
    HEARTH_TRY(auto made, command(std::exchange(first, std::nullopt), where));
    out.commands.push_back(std::move(made));
    if (token_.kind != Kind::kPipe) break;
    HEARTH_CHECK(advance());
  }
  if (token_.kind != end)
    return end == Kind::kRight ? bad(out.offset, "the parenthesis is not closed") : unexpected(where);
  HEARTH_CHECK(check_stages(out, where));
  if (out.declares) known_.insert(known_.end(), out.targets.begin(), out.targets.end());
  if (known_.size() > kVariablesMax)
    return bad(out.offset, fmt::format("more than {} variables at a time", kVariablesMax));
  return out;
}

// `$x :=`, `$x =`, and of range `$i, $x :=`. A variable that turns out to be the first word of a command is `first`.
Result<void> PipelineParser::declarations(Pipeline& out, std::string_view where, std::optional<Operand>& first) {
  if (token_.kind != Kind::kVariable) return {};
  const Token variable = token_;
  HEARTH_CHECK(advance());
  const bool direct = token_.kind != Kind::kSpace;
  const bool chained = token_.kind == Kind::kField;
  HEARTH_CHECK(skip_space());
  const bool several = token_.kind == Kind::kComma && where == "range";
  if (!chained && (token_.kind == Kind::kDeclare || token_.kind == Kind::kAssign || several)) {
    out.targets.emplace_back(variable.text);
    return targets(out, where);
  }
  if (!is_known(variable.text)) return bad(variable.offset, fmt::format("undefined variable '{}'", variable.text));
  first = Operand{.kind = Operand::Kind::kVariable, .offset = variable.offset, .name = std::string(variable.text)};
  while (direct && token_.kind == Kind::kField) {
    first->fields.emplace_back(token_.text.substr(1));
    HEARTH_CHECK(advance());
  }
  return direct && !ends_word() ? unexpected(where) : Result<void>{};
}

Result<void> PipelineParser::targets(Pipeline& out, std::string_view where) {
  if (token_.kind == Kind::kComma) {
    HEARTH_CHECK(advance());
    HEARTH_CHECK(skip_space());
    if (token_.kind != Kind::kVariable) return unexpected(where);
    out.targets.emplace_back(token_.text);
    HEARTH_CHECK(advance());
    HEARTH_CHECK(skip_space());
  }
  if (token_.kind != Kind::kDeclare && token_.kind != Kind::kAssign) return unexpected(where);
  out.declares = token_.kind == Kind::kDeclare;
  for (const auto& name : out.targets) {
    if (!out.declares && !is_known(name)) return bad(out.offset, fmt::format("undefined variable '{}'", name));
  }
  HEARTH_CHECK(advance());
  HEARTH_CHECK(skip_space());
  return {};
}

Result<void> PipelineParser::check_stages(const Pipeline& pipeline, std::string_view where) const {
  if (pipeline.commands.empty()) return bad(token_.offset, fmt::format("missing value for {}", where));
  for (std::size_t i = 1; i < pipeline.commands.size(); ++i) {
    const auto& word = pipeline.commands[i].front();
    const bool runs = word.kind == Operand::Kind::kFunction || word.kind == Operand::Kind::kPipeline ||
                      word.kind == Operand::Kind::kVariable || !word.fields.empty();
    if (!runs) return bad(word.offset, fmt::format("stage {} of the pipeline is no function", i + 1));
  }
  return {};
}

// Words up to a | or the end of the pipeline.
Result<Command> PipelineParser::command(std::optional<Operand> first, std::string_view where) {
  Command out;
  if (first) out.push_back(*std::move(first));
  while (true) {
    HEARTH_CHECK(skip_space());
    HEARTH_TRY(auto word, operand());
    if (word) out.push_back(*std::move(word));
    if (!ends_word()) return unexpected(where);
    if (token_.kind != Kind::kSpace) break;
  }
  if (out.empty()) return unexpected(where);
  return out;
}

// A term with the fields that follow it without a blank.
Result<std::optional<Operand>> PipelineParser::operand() {
  HEARTH_TRY(auto out, term());
  if (!out || token_.kind != Kind::kField) return out;
  if (out->kind == Operand::Kind::kLiteral || out->kind == Operand::Kind::kNil ||
      (out->kind == Operand::Kind::kDot && out->fields.empty()))
    return unexpected("command: a literal has no fields");
  while (token_.kind == Kind::kField) {
    out->fields.emplace_back(token_.text.substr(1));
    HEARTH_CHECK(advance());
  }
  return out;
}

Result<std::optional<Operand>> PipelineParser::term() {
  Operand out{.offset = token_.offset};
  switch (token_.kind) {
    case Kind::kDot: break;
    case Kind::kField: out.fields.emplace_back(token_.text.substr(1)); break;
    case Kind::kVariable:
    case Kind::kWord: {
      HEARTH_TRY(out, named(std::move(out)));
      break;
    }
    case Kind::kNumber:
    case Kind::kString: {
      auto value = literal_value(token_);
      if (!value) return bad(out.offset, value.error().message);
      out.kind = Operand::Kind::kLiteral;
      out.literal = *std::move(value);
      break;
    }
    case Kind::kLeft: {
      HEARTH_CHECK(advance());
      out.kind = Operand::Kind::kPipeline;
      HEARTH_TRY(auto inner, pipeline("parentheses", Kind::kRight));
      out.pipeline = std::make_unique<Pipeline>(std::move(inner));
      break;
    }
    default: return std::nullopt;
  }
  HEARTH_CHECK(advance());
  return out;
}

// A variable, a function, true, false or nil.
Result<Operand> PipelineParser::named(Operand out) {
  const auto word = token_.text;
  if (token_.kind == Kind::kVariable) {
    if (!is_known(word)) return bad(out.offset, fmt::format("undefined variable '{}'", word));
    out.kind = Operand::Kind::kVariable;
    out.name = word;
  } else if (word == "true" || word == "false") {
    out.kind = Operand::Kind::kLiteral;
    out.literal = Value(word == "true");
  } else if (word == "nil") {
    out.kind = Operand::Kind::kNil;
  } else {
    out.kind = Operand::Kind::kFunction;
    out.function = find_function(word);
    if (out.function == nullptr)
      return bad(out.offset, fmt::format("function '{}' not defined", base::one_line(word.substr(0, 100))));
  }
  return out;
}

}  // namespace hearth::chat::go
