#include "engine/constraint/schema.hpp"

#include <gtest/gtest.h>
#include <vector>

namespace hearth::engine::constraint {
namespace {

TEST(Schema, Normalised) {
  struct Case {
    std::string from;
    std::string to;
  };
  const std::vector<Case> cases{
      {"true", "{}"},
      {"{}", "{}"},
      {R"({"type":"string","title":"t","description":"d","x-order":1})", R"({"type":"string"})"},
      {R"({"type":["string","null"]})", R"({"anyOf":[{"type":"string"},{"type":"null"}]})"},
      {R"({"type":["integer","number"]})", R"({"type":"number"})"},
      {R"({"type":"string","nullable":true})", R"({"anyOf":[{"type":"string"},{"type":"null"}]})"},
      {R"({"minLength":2})", R"({"type":"string","minLength":2})"},
      {R"({"const":5})", R"({"enum":[5]})"},
      {R"({"type":"integer","enum":[1,"a",2.5,3]})", R"({"enum":[1,3]})"},
      {R"({"enum":[1,2,30],"maximum":9})", R"({"enum":[1,2]})"},
      {R"({"type":"object"})", R"({"type":"object","additionalProperties":true})"},
      {R"({"properties":{"a":{"type":"null"}}})",
       R"({"type":"object","properties":{"a":{"type":"null"}},"additionalProperties":false})"},
      {R"({"type":"object","required":["a","a"],"additionalProperties":{"type":"null"}})",
       R"({"type":"object","required":["a"],"properties":{"a":{"type":"null"}},"additionalProperties":{"type":"null"}})"},
      {R"({"properties":{"a":false,"b":{"type":"null"}}})",
       R"({"type":"object","properties":{"b":{"type":"null"}},"additionalProperties":false})"},
      {R"({"type":"array"})", R"({"type":"array","items":{}})"},
      {R"({"prefixItems":[{"type":"null"}]})",
       R"({"type":"array","items":false,"maxItems":1,"prefixItems":[{"type":"null"}]})"},
      {R"({"type":"integer","minimum":0.5,"exclusiveMaximum":9.0})",
       R"({"type":"integer","minimum":1,"exclusiveMaximum":9})"},
      {R"({"type":"string","format":"uuid"})", R"({"type":"string","format":"uuid"})"},
      {R"({"type":"string","format":"colour"})", R"({"type":"string"})"},
      // What must fit all.
      {R"({"allOf":[{"type":"number"},{"type":"integer","minimum":1},{"maximum":9,"minimum":0}]})",
       R"({"type":"integer","minimum":1,"maximum":9})"},
      {R"({"allOf":[{"properties":{"a":{"type":"number"}},"required":["a"]},{"properties":{"a":{"minimum":3},"b":{"type":"null"}}}]})",
       R"({"type":"object","required":["a"],"properties":{"a":{"type":"number","minimum":3},"b":{"type":"null"}},"additionalProperties":false})"},
      {R"({"allOf":[{"additionalProperties":{"type":"null"}},{"properties":{"a":{"type":["null","string"]}}}]})",
       R"({"type":"object","properties":{"a":{"type":"null"}},"additionalProperties":{"type":"null"}})"},
      {R"({"type":"object","properties":{"kind":{"type":"string"}},"required":["kind"],"anyOf":[{"properties":{"kind":{"const":"a"}}},{"properties":{"kind":{"const":"b"}}}]})",
       R"({"anyOf":[{"type":"object","required":["kind"],"properties":{"kind":{"enum":["a"]}},"additionalProperties":false},{"type":"object","required":["kind"],"properties":{"kind":{"enum":["b"]}},"additionalProperties":false}]})"},
      {R"({"type":"string","anyOf":[{"type":"null"},{"maxLength":3}]})", R"({"type":"string","maxLength":3})"},
      {R"({"oneOf":[{"type":"null"},{"type":"null"}]})", R"({"type":"null"})"},
      {R"({"anyOf":[{"type":"null"},{}]})", "{}"},
      // References.
      {R"({"$ref":"#/$defs/a~1b","$defs":{"a/b":{"type":"null"}}})",
       R"({"$ref":"#/$defs/d0","$defs":{"d0":{"type":"null"}}})"},
      {R"({"properties":{"a":{"$ref":"#/definitions/n","minimum":2}},"definitions":{"n":{"type":"integer"}}})",
       R"({"type":"object","properties":{"a":{"type":"integer","minimum":2}},"additionalProperties":false})"},
      {R"({"type":"object","properties":{"next":{"anyOf":[{"$ref":"#"},{"type":"null"}]}}})",
       R"({"type":"object","properties":{"next":{"anyOf":[{"$ref":"#/$defs/d0"},{"type":"null"}]}},"additionalProperties":false,"$defs":{"d0":{"type":"object","properties":{"next":{"anyOf":[{"$ref":"#/$defs/d0"},{"type":"null"}]}},"additionalProperties":false}}})"},
  };
  for (const auto& c : cases) {
    const auto out = normalise_schema(c.from);
    ASSERT_TRUE(out) << c.from << "\n" << out.error().message;
    EXPECT_EQ(*out, c.to) << c.from;
  }
}

TEST(Schema, WhatCannotBeKept) {
  struct Case {
    std::string schema;
    std::string path;
    std::string what;
  };
  const std::vector<Case> cases{
      {"3", "", "is no schema"},
      {"false", "", "fits no value"},
      {R"({"type":"text"})", "type", "must be array, boolean"},
      {R"({"type":[]})", "type", "must be array"},
      {R"({"properties":{"a":{"not":{"type":"null"}}}})", "properties.a.not", "'not' cannot be kept to"},
      {R"({"properties":{"a":{"items":{"if":true}}}})", "properties.a.items.if", "leave it out"},
      {R"({"type":"array","uniqueItems":true})", "uniqueItems", "leave it out"},
      {R"({"anyOf":[{"type":"null"},{"contains":{}}]})", "anyOf[1].contains", "leave it out"},
      {R"({"anyOf":[]})", "anyOf", "not empty"},
      {R"({"enum":[]})", "enum", "not empty"},
      {R"({"type":"array","items":[{}]})", "items", "prefixItems"},
      {R"({"minLength":-1})", "minLength", "whole number from 0"},
      {R"({"minLength":"1"})", "minLength", "whole number"},
      {R"({"maximum":1e300})", "maximum", "64 bits"},
      {R"({"required":"a"})", "required", "list of names"},
      {R"({"type":"string","pattern":"a","minLength":1})", "pattern", "length into the pattern"},
      {R"({"type":"number","multipleOf":0.1})", "multipleOf", "integers"},
      {R"({"$ref":"#/$defs/none"})", "$ref", "not there"},
      {R"({"$ref":"https://x/y.json"})", "$ref", "in this schema"},
      {R"({"$ref":"#"})", "$ref", "references only"},
      {R"({"allOf":[{"$ref":"#"}]})", "allOf[0]", "refer to themselves"},
      {R"({"allOf":[{"type":"null"},{"type":"string"}]})", "", "fits no value"},
      {R"({"type":"string","minLength":3,"maxLength":2})", "", "fits no value"},
      {R"({"type":"array","minItems":3,"maxItems":2})", "", "fits no value"},
      {R"({"required":["a"],"properties":{"a":false}})", "", "fits no value"},
      {R"({"properties":{"a":false},"additionalProperties":true})", "", "forbids the property 'a'"},
      {R"({"allOf":[{"pattern":"a"},{"pattern":"b"}]})", "", "two different values of 'pattern'"},
      {R"({"enum":["a"],"pattern":"b"})", "pattern", "beside a list of values"},
      {"{", "", ""},
  };
  for (const auto& c : cases) {
    const auto out = normalise_schema(c.schema);
    ASSERT_FALSE(out) << c.schema << " gave " << *out;
    EXPECT_EQ(out.error().code, ErrorCode::kInvalidRequest);
    EXPECT_NE(out.error().message.find(c.what), std::string::npos) << c.schema << ": " << out.error().message;
    if (c.schema != "{") EXPECT_EQ(out.error().param, c.path) << c.schema << ": " << out.error().message;
    EXPECT_NE(out.error().message.find(c.path), std::string::npos) << out.error().message;
  }
}

// Schemas that grow when they are worked out end somewhere.
TEST(Schema, Bombs) {
  std::string deep = "{}";
  for (int i = 0; i < 110; ++i) deep = R"({"items":)" + deep + "}";
  EXPECT_FALSE(normalise_schema(deep));
  std::string all = "{\"allOf\":[";
  for (int i = 0; i < 12; ++i) {
    all +=
        R"({"anyOf":[{"required":["a)" + std::to_string(i) + R"("]},{"required":["b)" + std::to_string(i) + R"("]}]},)";
  }
  all.back() = ']';
  EXPECT_FALSE(normalise_schema(all + "}"));
  std::string wide = R"({"$defs":{"d0":{"type":"null"})";
  for (int i = 1; i < 30; ++i) {
    const auto ref = R"({"$ref":"#/$defs/d)" + std::to_string(i - 1) + R"(","description":"x"})";
    wide += R"(,"d)" + std::to_string(i) + R"(":{"type":"object","properties":{"a":{"allOf":[)" + ref +
            R"(]},"b":{"allOf":[)" + ref + "]}}}";
  }
  EXPECT_FALSE(normalise_schema(wide + R"(},"$ref":"#/$defs/d29"})"));
}

}  // namespace
}  // namespace hearth::engine::constraint
