#include "chat/gbnf.hpp"

#include <gtest/gtest.h>

namespace hearth::chat {
namespace {

TEST(Gbnf, NothingIsWrittenOut) {
  EXPECT_EQ(with_explicit_nothing("space ::= | \" \" | \"\\n\"{1,2}"), "space ::= \"\" | \" \" | \"\\n\"{1,2}");
  EXPECT_EQ(with_explicit_nothing("a ::= (b | )\nb ::= \"x\" |\nc ::= (|\"y\")?"),
            "a ::= (b | \"\" )\nb ::= \"x\" |\"\" \nc ::= (\"\" |\"y\")?");
}
TEST(Gbnf, TextsAndClassesStayAsTheyAre) {
  const std::string grammar = R"x(a ::= "(|" [|)"] "\"(|" [\]|] | "=|")x";
  EXPECT_EQ(with_explicit_nothing(grammar), grammar);
}
TEST(Gbnf, WhatStandsBeforeCallsGoes) {
  EXPECT_EQ(calls_only("a ::= until-1 tool\nroot ::= \"x\" space until-247? tool-call\nb ::= a"),
            "a ::= until-1 tool\nroot ::= tool-call\nb ::= a\n");
  EXPECT_EQ(calls_only("root ::= (\"<think>\" until-4 \"</think>\")? until-29 space tool-call-root"),
            "root ::= space tool-call-root\n");
  EXPECT_EQ(
      calls_only(
          "root ::= \"h\" (\"<t>\" until-4 space tool-call | (\"<t>\" until-5 \"</t>\")? until-6 (tool-1 | tool-2)+)"),
      "root ::= (tool-1 | tool-2)+\n");
}
TEST(Gbnf, WhereCallsBeginMustBeSaid) {
  for (const char* grammar : {R"(root ::= "<think>" until-4 "</think>")", R"(root ::= "until-4 tool-call")",
                              "root ::= xuntil-4 tool-call", "root ::= until-4x tool-call", "a ::= until-4 tool-call"})
    EXPECT_EQ(calls_only(grammar), std::nullopt) << grammar;
}

}  // namespace
}  // namespace hearth::chat
