#include "chat/go/executor.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <ranges>

#include "base/strings.hpp"
#include "chat/go/functions.hpp"
#include "chat/go/lexer.hpp"

namespace hearth::chat::go {

// One level of nesting: what is declared in it ends with it.
class Executor::Scope {
 public:
  explicit Scope(Executor& of) : of_(of), mark_(of.variables_.size()) { ++of_.depth_; }
  ~Scope() {
    of_.variables_.resize(mark_);
    --of_.depth_;
  }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  Executor& of_;
  std::size_t mark_;
};

std::unexpected<Error> Executor::bad(std::size_t offset, std::string_view why) const {
  return fail_at(program_.source, offset, why);
}

Result<void> Executor::at(std::size_t offset, Result<void> done) const {
  if (!done) return bad(offset, done.error().message);
  return done;
}

Result<void> Executor::write(std::string_view text, std::size_t offset) {
  HEARTH_CHECK(at(offset, budget_.write(text.size())));
  out_ += text;
  return {};
}

// The latest of that name. What declares it may have been skipped, in an argument of `and`.
Result<Value*> Executor::find(std::string_view name, std::size_t offset) {
  const auto latest_first = variables_ | std::views::reverse;
  const auto it = std::ranges::find(latest_first, name, &Variable::name);
  const auto passed = static_cast<std::size_t>(it - latest_first.begin());
  HEARTH_CHECK(at(offset, budget_.spend(passed / kVariablesPerStep)));
  if (it == latest_first.end()) return bad(offset, fmt::format("undefined variable '{}'", name));
  return &it->value;
}

Result<void> Executor::assign(const Pipeline& pipeline, std::string_view name, const Value& value) {
  HEARTH_TRY(auto* const known, find(name, pipeline.offset));
  *known = value;
  return {};
}

Result<void> Executor::run(const Value& data) {
  variables_.assign(1, {.name = "$", .value = data});
  HEARTH_CHECK(walk(program_.main, data));
  return {};
}

Result<Executor::Flow> Executor::walk(const Nodes& nodes, const Value& dot) {
  if (depth_ > budget_.depth())
    return bad(nodes.empty() ? 0 : nodes.front().offset, "the template calls itself too deeply");
  for (const auto& node : nodes) {
    if (cut_ && node.offset > *cut_) continue;
    HEARTH_CHECK(at(node.offset, budget_.spend()));
    HEARTH_TRY(const auto flow, walk(node, dot));
    if (flow != Flow::kOn) return flow;
  }
  return Flow::kOn;
}

Result<Executor::Flow> Executor::walk(const Node& node, const Value& dot) {
  switch (node.kind) {
    case Node::Kind::kText: HEARTH_CHECK(write(node.text, node.offset)); return Flow::kOn;
    case Node::Kind::kAction: {
      HEARTH_TRY(const auto value, evaluate(node.pipeline, dot));
      if (!node.pipeline.targets.empty()) return Flow::kOn;
      HEARTH_CHECK(write(value.is_nothing() ? "<no value>" : to_text(value), node.offset));
      return Flow::kOn;
    }
    case Node::Kind::kIf:
    case Node::Kind::kWith: return choose(node, dot);
    case Node::Kind::kRange: return loop(node, dot);
    case Node::Kind::kTemplate: HEARTH_CHECK(call(node, dot)); return Flow::kOn;
    case Node::Kind::kBreak: return Flow::kBreak;
    case Node::Kind::kContinue: return Flow::kContinue;
  }
  return Flow::kOn;
}

Result<Executor::Flow> Executor::choose(const Node& node, const Value& dot) {
  const Scope scope(*this);
  for (const auto& branch : node.branches) {
    HEARTH_TRY(const auto value, evaluate(branch.pipeline, dot));
    if (value.is_true()) return walk(branch.body, node.kind == Node::Kind::kWith ? value : dot);
  }
  return walk(node.otherwise, dot);
}

Result<Executor::Flow> Executor::iterate(const Node& node, const Value& key, const Value& element) {
  const auto& branch = node.branches.front();
  const auto& targets = branch.pipeline.targets;
  if (!targets.empty()) {
    HEARTH_CHECK(assign(branch.pipeline, targets.back(), element));
    if (targets.size() > 1 && targets.front() != targets.back())
      HEARTH_CHECK(assign(branch.pipeline, targets.front(), key));
  }
  const Scope scope(*this);
  HEARTH_CHECK(at(node.offset, budget_.spend()));
  return walk(branch.body, element);
}

// Calls `each` with key and element until it says to stop. False: there was nothing to go through.
template <class Each>
Result<bool> Executor::for_each(const Node& node, const Value& value, const Each& each) {
  const auto number = [](std::size_t n) { return Value(static_cast<std::int64_t>(n)); };
  if (const auto* list = value.as<List>()) {
    for (std::size_t i = 0; i < list->size(); ++i) {
      HEARTH_TRY(const bool on, each(number(i), list->at(i)));
      if (!on) break;
    }
    return list->size() > 0;
  }
  if (const auto* map = value.as<Map>()) {
    for (const auto& [key, element] : *map->entries) {
      HEARTH_TRY(const bool on, each(Value(key), element));
      if (!on) break;
    }
    return map->size() > 0;
  }
  if (const auto* count = value.as<std::int64_t>()) {
    if (node.branches.front().pipeline.targets.size() > 1)
      return bad(node.offset, "a range over a number has one variable");
    for (std::int64_t i = 0; i < *count; ++i) {
      HEARTH_TRY(const bool on, each(Value(i), Value(i)));
      if (!on) break;
    }
    return *count > 0;
  }
  if (value.is_nothing()) return false;
  return bad(node.offset, fmt::format("range cannot go through a {}", value.kind()));
}

Result<Executor::Flow> Executor::loop(const Node& node, const Value& dot) {
  const Scope scope(*this);
  HEARTH_TRY(const auto value, evaluate(node.branches.front().pipeline, dot));
  const auto each = [&](const Value& key, const Value& element) -> Result<bool> {
    HEARTH_TRY(const auto flow, iterate(node, key, element));
    return flow != Flow::kBreak;
  };
  HEARTH_TRY(const bool any, for_each(node, value, each));
  return any ? Flow::kOn : walk(node.otherwise, dot);
}

Result<void> Executor::call(const Node& node, const Value& dot) {
  const auto found = program_.named.find(node.text);
  if (found == program_.named.end())
    return bad(node.offset, fmt::format("template '{}' not defined", base::one_line(node.text.substr(0, 100))));
  Value data;
  if (!node.pipeline.commands.empty()) {
    HEARTH_TRY(data, evaluate(node.pipeline, dot));
  }
  // It sees no variables but its own $, and is run as a whole.
  auto outer = std::exchange(variables_, {});
  variables_.push_back({.name = "$", .value = data});
  const auto cut = std::exchange(cut_, std::nullopt);
  ++depth_;
  const auto flow = walk(found->second, data);
  --depth_;
  cut_ = cut;
  variables_ = std::move(outer);
  HEARTH_CHECK(flow);
  return {};
}

Result<Value> Executor::evaluate(const Pipeline& pipeline, const Value& dot) {
  if (depth_ > budget_.depth()) return bad(pipeline.offset, "the template is nested too deeply");
  Value value;
  bool first = true;
  for (const auto& command : pipeline.commands) {
    HEARTH_TRY(value, evaluate(command, dot, std::exchange(first, false) ? nullptr : &value));
  }
  for (const auto& name : pipeline.targets) {
    if (pipeline.declares)
      variables_.push_back({.name = name, .value = value});
    else
      HEARTH_CHECK(assign(pipeline, name, value));
  }
  return value;
}

// `last`: what the command before the | gave.
Result<Value> Executor::evaluate(const Command& command, const Value& dot, const Value* last) {
  const auto& head = command.front();
  if (head.kind == Operand::Kind::kFunction && head.fields.empty()) return apply(command, dot, last);
  if (head.kind == Operand::Kind::kNil) return bad(head.offset, "nil is not a command");
  if (command.size() > 1 || last != nullptr) return bad(head.offset, "this is no function and takes no arguments");
  return evaluate(head, dot);
}

Result<Value> Executor::evaluate(const Operand& word, const Value& dot) {
  HEARTH_CHECK(at(word.offset, budget_.spend()));
  HEARTH_TRY(auto value, base_of(word, dot));
  // Fields of nothing are nothing; in the middle of .Gone.More they are an error. Go draws the line there too.
  if (value.is_nothing()) return value;
  for (const auto& name : word.fields) {
    HEARTH_TRY(value, field(word, value, name));
  }
  return value;
}

Result<Value> Executor::base_of(const Operand& word, const Value& dot) {
  switch (word.kind) {
    case Operand::Kind::kDot: return dot;
    case Operand::Kind::kNil: return Value();
    case Operand::Kind::kLiteral: return word.literal;
    case Operand::Kind::kVariable: {
      HEARTH_TRY(const auto* const known, find(word.name, word.offset));
      return *known;
    }
    case Operand::Kind::kPipeline: {
      ++depth_;
      auto value = evaluate(*word.pipeline, dot);
      --depth_;
      return value;
    }
    case Operand::Kind::kFunction: {
      Command alone;
      alone.push_back({.kind = word.kind, .offset = word.offset, .function = word.function});
      return apply(alone, dot, nullptr);
    }
  }
  return Value();
}

Result<Value> Executor::field(const Operand& word, const Value& of, const std::string& name) const {
  if (const auto* map = of.as<Map>()) {
    const auto found = map->entries->find(name);
    return found == map->entries->end() ? Value() : found->second;
  }
  if (const auto* record = of.as<Record>()) {
    if (const auto* value = record->find(name)) return *value;
  }
  return bad(word.offset, fmt::format("a {} has no field '{}'", of.kind(), base::one_line(name.substr(0, 100))));
}

Result<Value> Executor::apply(const Command& command, const Value& dot, const Value* last) {
  const auto& function = *command.front().function;
  const auto count = command.size() - 1 + (last != nullptr ? 1 : 0);
  if (count < function.least || count > function.most)
    return bad(command.front().offset, fmt::format("{} takes {}{} arguments, not {}", function.name, function.least,
                                                   function.most > function.least ? " or more" : "", count));
  if (function.run == nullptr) return decide(command, dot, last);
  std::vector<Value> arguments;
  arguments.reserve(count);
  for (std::size_t i = 1; i < command.size(); ++i) {
    HEARTH_TRY(auto value, evaluate(command[i], dot));
    arguments.push_back(std::move(value));
  }
  if (last != nullptr) arguments.push_back(*last);
  HEARTH_CHECK(at(command.front().offset, budget_.spend()));
  auto value = function.run(arguments, budget_);
  if (!value) return bad(command.front().offset, fmt::format("{}: {}", function.name, value.error().message));
  return value;
}

// and: the first that is false, or the last; or: the first that is true, or the last. What follows is not evaluated.
Result<Value> Executor::decide(const Command& command, const Value& dot, const Value* last) {
  const bool until = command.front().function->kind == Function::Kind::kOr;
  Value value;
  for (std::size_t i = 1; i < command.size(); ++i) {
    HEARTH_TRY(value, evaluate(command[i], dot));
    if (value.is_true() == until) return value;
  }
  return last != nullptr ? *last : value;
}

}  // namespace hearth::chat::go
