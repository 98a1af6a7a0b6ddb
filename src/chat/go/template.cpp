#include "chat/go/template.hpp"

#include <algorithm>

#include "base/strings.hpp"
#include "chat/go/executor.hpp"
#include "chat/go/parser.hpp"
#include "chat/go/syntax.hpp"

namespace hearth::chat::go {
namespace {

bool has_field(const Pipeline& pipeline, std::string_view wanted) {
  return std::ranges::any_of(pipeline.commands, [&](const Command& command) {
    return std::ranges::any_of(command, [&](const Operand& word) {
      return std::ranges::any_of(word.fields,
                                 [&](const auto& field) { return base::equals_ignore_case(field, wanted); }) ||
             (word.pipeline != nullptr && has_field(*word.pipeline, wanted));
    });
  });
}

bool has_field(const Nodes& nodes, std::string_view wanted) {
  return std::ranges::any_of(nodes, [&](const Node& node) {
    return has_field(node.pipeline, wanted) || has_field(node.otherwise, wanted) ||
           std::ranges::any_of(node.branches, [&](const Branch& branch) {
             return has_field(branch.pipeline, wanted) || has_field(branch.body, wanted);
           });
  });
}

// The first action that writes the response; conditions on it do not count.
std::optional<std::size_t> find_response(const Nodes& nodes) {
  for (const auto& node : nodes) {
    if (node.kind == Node::Kind::kAction && has_field(node.pipeline, "Response")) return node.offset;
    for (const auto& branch : node.branches) {
      if (const auto inside = find_response(branch.body)) return inside;
    }
    if (const auto inside = find_response(node.otherwise)) return inside;
  }
  return std::nullopt;
}

}  // namespace

Template::Template(std::unique_ptr<Program> program)
    : program_(std::move(program)), response_(find_response(program_->main)) {}
Template::Template(Template&&) noexcept = default;
Template& Template::operator=(Template&&) noexcept = default;
Template::~Template() = default;

const std::string& Template::source() const { return program_->source; }

Result<Template> Template::parse(std::string source) {
  HEARTH_TRY(auto program, go::parse(std::move(source)));
  return Template(std::make_unique<Program>(std::move(program)));
}

bool Template::mentions(std::string_view field) const {
  return has_field(program_->main, field) ||
         std::ranges::any_of(program_->named, [&](const auto& named) { return has_field(named.second, field); });
}

void Template::append_response() {
  const auto end = program_->source.size();
  Operand word{.offset = end};
  word.fields.emplace_back("Response");
  Node node{.kind = Node::Kind::kAction, .offset = end};
  node.pipeline.offset = end;
  node.pipeline.commands.emplace_back().push_back(std::move(word));
  program_->main.push_back(std::move(node));
  if (!response_) response_ = end;
}

Result<void> Template::render(const Value& data, Budget& budget, std::string& out, bool to_response) const {
  return Executor(*program_, budget, to_response ? response_ : std::nullopt, out).run(data);
}

}  // namespace hearth::chat::go
