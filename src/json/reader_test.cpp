#include "json/reader.hpp"

#include <cstdlib>
#include <gtest/gtest.h>

namespace hearth::json {
namespace {

TEST(Parse, RefusesWithoutParserInternals) {
  for (const std::string_view bad :
       {"", "{", "{]", "[1,]", "nul", "{} x", "\"\xFF\"", "{\"a\":01}", "'a'", "[1e999]", "[-1e400000]"}) {
    const auto value = parse(bad);
    ASSERT_FALSE(value) << bad;
    EXPECT_TRUE(value.error().message.starts_with("body is ")) << value.error().message;
  }
  EXPECT_FALSE(parse(std::string(1000, '[')));
  EXPECT_TRUE(parse(" {\"a\": [1, 2.5, null]} \n"));
}

struct Case {
  std::string_view body;
  std::string_view message;
};

TEST(Parse, FractionsAreReadToTheLastBit) {
  for (const std::string text :
       {"0.1", "4.4501477170144028e-308", "123456789012345678901234567890.5", "9007199254740993.0",
        "0.30000000000000004", "5e-324", "1.7976931348623157e308", "-2.2250738585072014E-308",
        "444444444444444444444444444444444444444444444444444444444444444444442.5"}) {
    const auto value = parse("[" + text + " ]");
    ASSERT_TRUE(value) << text;
    EXPECT_EQ(value->get_array().at(0).to_number<double>(), std::strtod(text.c_str(), nullptr)) << text;
  }
}

TEST(Object, EveryErrorHasItsPath) {
  const Case cases[] = {
      {"[]", "body must be an object, not an array"},
      {"{}", "model is required"},
      {R"({"model":5})", "model must be a string, not a number"},
      {R"({"model":"m","temperature":"hot"})", "temperature must be a number, not a string"},
      {R"({"model":"m","temperature":3})", "temperature must be from 0 to 2, not 3"},
      {R"({"model":"m","n":1.5})", "n must be an integer, not a number"},
      {R"({"model":"m","n":0})", "n must be from 1 to 8, not 0"},
      {R"({"model":"m","n":99999999999999999999})", "n must be an integer, not a number"},
      {R"({"model":"m","messages":[{"content":"a"},{"content":7}]})",
       "messages[1].content must be a string, not a number"},
      {R"({"model":"m","messages":{}})", "messages must be an array, not an object"},
      {R"({"model":"m","options":{"deep":[]}})", "options.deep must be a boolean, not an array"},
  };
  for (const auto& c : cases) {
    const auto report = read_object(c.body, [](Object& in) {
      (void)in.required_text("model");
      double temperature = 0;
      in.number("temperature", temperature, 0, 2);
      std::int32_t n = 0;
      in.integer("n", n, 1, 8);
      in.each("messages", [](Item item) { item.object([](Object& m) { (void)m.required_text("content"); }); });
      in.object("options", [](Object& o) {
        bool deep = false;
        o.boolean("deep", deep);
      });
    });
    ASSERT_FALSE(report) << c.body;
    EXPECT_EQ(report.error().message, c.message);
  }
}

TEST(Object, NotesWhatNobodyAskedFor) {
  const auto report =
      read_object(R"({"a":1,"user":"u","x":{"y":1},"seen":{"z":2},"none":null,"quiet":1})", [](Object& in) {
        std::int32_t a = 0;
        in.integer("a", a, 0, 9);
        EXPECT_EQ(a, 1);
        in.ignore({"user", "store"});
        in.object("seen", [](Object&) {});
        in.accept("quiet");
      });
  ASSERT_TRUE(report);
  EXPECT_EQ(report->ignored, (std::vector<std::string>{"user", "seen.z", "x"}));
}

TEST(Object, RawKeepsOrderAndNullIsAbsent) {
  const auto report = read_object(R"({"parameters":{"b":1,"a":[2]},"t":null})", [](Object& in) {
    std::string raw;
    in.raw("parameters", raw);
    EXPECT_EQ(raw, R"({"b":1,"a":[2]})");
    EXPECT_FALSE(in.has("t"));
    EXPECT_FALSE(in.get("t"));
  });
  EXPECT_TRUE(report);
}

}  // namespace
}  // namespace hearth::json
