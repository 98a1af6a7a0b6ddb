#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "chat/go/value.hpp"

namespace hearth::chat::go {

struct Function;
struct Pipeline;

// One word of a command, with the fields that are taken of it: .Function.Name, $.System, (index .Messages 0).Role.
struct Operand {
  enum class Kind { kDot, kNil, kLiteral, kVariable, kFunction, kPipeline };
  Kind kind = Kind::kDot;
  std::size_t offset = 0;
  Value literal{};
  std::string name{};                    // of a variable, with its $
  const Function* function = nullptr;    // of kFunction
  std::unique_ptr<Pipeline> pipeline{};  // of kPipeline
  std::vector<std::string> fields{};
};

using Command = std::vector<Operand>;

struct Pipeline {
  std::size_t offset = 0;
  std::vector<std::string> targets;  // variables that get the value
  bool declares = false;             // := and not =
  std::vector<Command> commands;     // none: the pipeline is absent
};

struct Node;
using Nodes = std::vector<Node>;

// `if` and `with` with their `else if`s; the first whose pipeline is true is run.
struct Branch {
  Pipeline pipeline;
  Nodes body;
};

struct Node {
  enum class Kind { kText, kAction, kIf, kWith, kRange, kTemplate, kBreak, kContinue };
  Kind kind = Kind::kText;
  std::size_t offset = 0;
  std::string text{};              // of kText; the name of kTemplate
  Pipeline pipeline{};             // of kAction and kTemplate
  std::vector<Branch> branches{};  // one for kRange
  Nodes otherwise{};
};

// A template taken apart.
struct Program {
  std::string source;
  Nodes main;
  std::map<std::string, Nodes, std::less<>> named;  // define and block
};

}  // namespace hearth::chat::go
