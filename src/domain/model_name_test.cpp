#include "domain/model_name.hpp"

#include <gtest/gtest.h>

namespace hearth::domain {
namespace {

TEST(ModelName, Table) {
  struct Case {
    std::string_view text, path, tag, key;
  };
  const Case cases[] = {
      {"ember", "ember", "latest", "ember:latest"},
      {"Ember:Latest", "Ember", "Latest", "ember:latest"},
      {"org/Name:q4_K_M", "org/Name", "q4_K_M", "org/name:q4_k_m"},
      {"a/b/c", "a/b/c", "latest", "a/b/c:latest"},
      {"host:8080/x", "host:8080/x", "latest", "host:8080/x:latest"},
      {"mit leer", "mit leer", "latest", "mit leer:latest"},
      {"größe", "größe", "latest", "größe:latest"},
  };
  for (const auto& c : cases) {
    const auto name = ModelName::parse(c.text);
    ASSERT_TRUE(name) << c.text;
    EXPECT_EQ(name->path(), c.path);
    EXPECT_EQ(name->tag(), c.tag);
    EXPECT_EQ(name->key(), c.key);
  }
  EXPECT_EQ(ModelName::parse("x").value(), ModelName::parse("X:latest").value());
}

TEST(ModelName, RefusesWithAReason) {
  for (const std::string& text : {std::string(""), std::string("a:"), std::string("/a"), std::string("a//b"),
                                  std::string("../a"), std::string("a\n"), std::string("a\xFF"), std::string(600, 'a'),
                                  std::string(129, 'a'), std::string("x:y:z"), std::string("o/x:y:z")}) {
    const auto name = ModelName::parse(text);
    ASSERT_FALSE(name) << text;
    EXPECT_EQ(name.error().param, "model");
  }
}

TEST(Slug, Table) {
  EXPECT_EQ(slug_of("Org/Name:Q4_K_M"), "org--name-q4_k_m");
  EXPECT_EQ(slug_of("a b+c"), "a-b-c");
}

}  // namespace
}  // namespace hearth::domain
