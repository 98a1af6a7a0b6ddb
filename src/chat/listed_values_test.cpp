#include "chat/listed_values.hpp"

#include <gtest/gtest.h>

namespace hearth::chat {
namespace {

constexpr const char* kAutomaton =
    "ac-7 ::= [<] ac-7-01 | [^<] ac-7\n"
    "ac-7-01 ::= [<] ac-7-01 | [/] ac-7-02 | [^</] ac-7\n"
    "ac-7-02 ::= [\\]] | [<] ac-7-01 | [^<\\]] ac-7\n";

TEST(ListedValues, TakeThePlaceOfFreeText) {
  const struct {
    std::string rule;
    const char* parameters;
    std::string expected;
  } cases[] = {
      {R"(tool-2-arg-0 ::= "<" "a" ">" ac-7)", R"({"properties":{"a":{"enum":["x","y\n"]}}})",
       R"(tool-2-arg-0 ::= "<" "a" ">" ("x" | "y\n") [<] [/] [\]] )"},
      {"shared ::= ac-7\ntool-2-arg-1 ::= \"<\" \"b\" shared", R"({"properties":{"a":{},"b":{"const":"x"}}})",
       "shared ::= ac-7\ntool-2-arg-1 ::= \"<\" \"b\" (\"x\") [<] [/] [\\]] "},
      {R"(tool-2-arg-0 ::= "a" until-3 "</a>")", R"({"properties":{"a":{"enum":["x"]}}})",
       R"(tool-2-arg-0 ::= "a" ("x") "</a>")"},
      // What stays: other types, other tools, other names, other rules.
      {R"(tool-2-arg-0 ::= "a" ac-7)", R"({"properties":{"a":{"enum":["x",1]}}})", R"(tool-2-arg-0 ::= "a" ac-7)"},
      {R"(tool-2-arg-0 ::= "a" ac-7)", R"({"properties":{"a":{"type":"string"}}})", R"(tool-2-arg-0 ::= "a" ac-7)"},
      {R"(tool-1-arg-0 ::= "a" ac-7)", R"({"properties":{"a":{"enum":["x"]}}})", R"(tool-1-arg-0 ::= "a" ac-7)"},
      {R"(tool-2-arg-0 ::= "b" ac-7)", R"({"properties":{"a":{"enum":["x"]}}})", R"(tool-2-arg-0 ::= "b" ac-7)"},
      {R"(tool-2-arg-0 ::= "a" ac-8)", R"({"properties":{"a":{"enum":["x"]}}})", R"(tool-2-arg-0 ::= "a" ac-8)"},
      {R"(tool-2-arg-0 ::= "a" tool-2-arg-0-schema)", R"({"properties":{"a":{"enum":["x"]}}})",
       R"(tool-2-arg-0 ::= "a" tool-2-arg-0-schema)"},
      {R"(tool-2-arg-0 ::= "a" ac-7)", "{", R"(tool-2-arg-0 ::= "a" ac-7)"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(with_listed_values(kAutomaton + c.rule, 2, c.parameters), kAutomaton + c.expected) << c.rule;
  }
}

}  // namespace
}  // namespace hearth::chat
