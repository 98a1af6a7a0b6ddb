// Templates in Go's language: any text is parsed and run, or refused, within its bounds; a second run writes the same.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "chat/go/template.hpp"

namespace {

using hearth::chat::go::Budget;
using hearth::chat::go::Template;
using hearth::chat::go::Value;

Value variables() {
  const auto call = Value::record({.type = "call",
                                   .fields = {{.name = "Name", .json = "name", .value = Value("f")},
                                              {.name = "Arguments",
                                               .json = "arguments",
                                               .value = Value::map({{"x", Value(1.5)}, {"y", Value("<")}}, true)}},
                                   .prints_json = true});
  const auto message = [&](const char* role, const char* content) {
    return Value::record({.type = "message",
                          .fields = {{.name = "Role", .json = "role", .value = Value(role)},
                                     {.name = "Content", .json = "content", .value = Value(content)},
                                     {.name = "ToolCalls", .json = "calls", .value = Value::list({call}, true)}}});
  };
  return Value::map({{"System", Value("Be brief.")},
                     {"Prompt", Value("Hi \xC3\xA9")},
                     {"Response", Value("")},
                     {"Think", Value(true)},
                     {"Messages", Value::list({message("user", "a"), message("assistant", "b")})},
                     {"Tools", Value::list({call, call}, true)}});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hearth;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto parsed = Template::parse(text);
  if (!parsed) return 0;
  static const Value kVariables = variables();
  constexpr chat::go::Limits kLimits{.steps = 20'000, .bytes = 1 << 20};
  for (const bool cut : {false, true}) {
    Budget budget(kLimits, {});
    std::string out;
    const auto done = parsed->render(kVariables, budget, out, cut);
    if (out.size() > kLimits.bytes) std::abort();
    if (cut) continue;
    Budget again(kLimits, {});
    std::string second;
    if (parsed->render(kVariables, again, second).has_value() != done.has_value() || second != out) std::abort();
  }
  return 0;
}
