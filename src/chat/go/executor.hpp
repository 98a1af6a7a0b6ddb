#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "chat/go/budget.hpp"
#include "chat/go/syntax.hpp"

namespace hearth::chat::go {

// Runs a program once. Errors are kInvalidRequest with the line.
class Executor {
 public:
  // Nodes of the main template that begin after `cut` are left out.
  Executor(const Program& program, Budget& budget, std::optional<std::size_t> cut, std::string& out)
      : program_(program), budget_(budget), cut_(cut), out_(out) {}

  [[nodiscard]] Result<void> run(const Value& data);

 private:
  enum class Flow { kOn, kBreak, kContinue };
  struct Variable {
    std::string_view name;
    Value value;
  };
  class Scope;
  static constexpr std::size_t kVariablesPerStep = 16;  // looking through many is work

  [[nodiscard]] Result<Flow> walk(const Nodes& nodes, const Value& dot);
  [[nodiscard]] Result<Flow> walk(const Node& node, const Value& dot);
  [[nodiscard]] Result<Flow> choose(const Node& node, const Value& dot);
  [[nodiscard]] Result<Flow> loop(const Node& node, const Value& dot);
  template <class Each>
  [[nodiscard]] Result<bool> for_each(const Node& node, const Value& value, const Each& each);
  [[nodiscard]] Result<Flow> iterate(const Node& node, const Value& key, const Value& element);
  [[nodiscard]] Result<void> call(const Node& node, const Value& dot);

  [[nodiscard]] Result<Value> evaluate(const Pipeline& pipeline, const Value& dot);
  [[nodiscard]] Result<Value> evaluate(const Command& command, const Value& dot, const Value* last);
  [[nodiscard]] Result<Value> evaluate(const Operand& word, const Value& dot);
  [[nodiscard]] Result<Value> base_of(const Operand& word, const Value& dot);
  [[nodiscard]] Result<Value> field(const Operand& word, const Value& of, const std::string& name) const;
  [[nodiscard]] Result<Value> apply(const Command& command, const Value& dot, const Value* last);
  [[nodiscard]] Result<Value> decide(const Command& command, const Value& dot, const Value* last);
  [[nodiscard]] Result<Value*> find(std::string_view name, std::size_t offset);
  [[nodiscard]] Result<void> assign(const Pipeline& pipeline, std::string_view name, const Value& value);
  [[nodiscard]] Result<void> write(std::string_view text, std::size_t offset);
  [[nodiscard]] Result<void> at(std::size_t offset, Result<void> done) const;
  [[nodiscard]] std::unexpected<Error> bad(std::size_t offset, std::string_view why) const;

  const Program& program_;
  Budget& budget_;
  std::optional<std::size_t> cut_;
  std::string& out_;
  std::vector<Variable> variables_;
  int depth_ = 0;
};

}  // namespace hearth::chat::go
