#include <gtest/gtest.h>

#include "dialect/ollama/ollama.hpp"
#include "json/reader.hpp"

namespace hearth::dialect::ollama {
namespace {

std::string size_of(std::uint64_t parameters) {
  const domain::ModelCard card{.name = "m", .parameters = parameters};
  const auto body = json::parse(show_body(card)).value();
  return std::string(body.at_pointer("/details/parameter_size").as_string());
}

TEST(ParameterSize, Table) {
  EXPECT_EQ(size_of(8030261312), "8.0B");
  EXPECT_EQ(size_of(1870000), "1.87M");
  EXPECT_EQ(size_of(260032), "260K");
  EXPECT_EQ(size_of(12), "12");
}

TEST(Tags, NewestFirst) {
  auto card = [](std::string name, int hour) {
    return domain::ModelCard{.name = std::move(name), .modified = base::WallTime(std::chrono::hours(hour))};
  };
  const std::vector<domain::ModelCard> cards{card("b", 1), card("c:v1", 3), card("a", 1)};
  const auto models = json::parse(tags_body(cards)).value().at_pointer("/models").as_array();
  ASSERT_EQ(models.size(), 3U);
  EXPECT_EQ(models[0].at_pointer("/name").as_string(), "c:v1");
  EXPECT_EQ(models[1].at_pointer("/name").as_string(), "a:latest");
  EXPECT_EQ(models[2].at_pointer("/model").as_string(), "b:latest");
}

TEST(Show, WhatTheHeaderHoldsIsShown) {
  const domain::ModelCard card{
      .name = "m",
      .chat_template = "t",
      .metadata = {{"a.b", "3"}, {"general.name", "\"x\""}, {"empty", ""}, {"long", "[1,2,3,4,5,6]"}}};
  EXPECT_TRUE(show_body(card).contains(R"("model_info":{"a.b":3,"empty":null,"long":null})"));
  EXPECT_TRUE(show_body(card, {}, true).contains(R"("long":[1,2,3,4,5,6]},"tensors":[])"));
  EXPECT_FALSE(show_body(card).contains("modelfile"));
}

}  // namespace
}  // namespace hearth::dialect::ollama
