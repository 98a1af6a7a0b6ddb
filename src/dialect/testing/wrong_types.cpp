#include "dialect/testing/wrong_types.hpp"

#include <array>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <utility>

#include "json/reader.hpp"

namespace hearth::dialect::testing {
namespace {

namespace bj = boost::json;

std::string_view type_of(const json::Value& value) {
  if (value.is_string()) return "string";
  if (value.is_bool()) return "boolean";
  if (value.is_array()) return "array";
  if (value.is_object()) return "object";
  return "number";
}

struct Walk {
  const TypeRules& rules;
  const std::function<std::optional<Error>(std::string_view)>& parse;
  json::Value root;

  void refuse(json::Value& at, json::Value wrong, const std::string& path) {
    json::Value kept = std::exchange(at, std::move(wrong));
    const std::string body = json::to_text(root);
    const auto error = parse(body);
    at = std::move(kept);
    ASSERT_TRUE(error) << path << " was accepted: " << body;
    EXPECT_EQ(error->code, ErrorCode::kInvalidRequest) << body;
    EXPECT_EQ(error->param, path) << error->message << "\n" << body;
    EXPECT_FALSE(error->message.contains("boost")) << error->message;
  }

  void visit(json::Value& at, const std::string& path, const std::string& pattern) {
    if (rules.any.contains(pattern)) return;
    const auto also = rules.also.find(pattern);
    const std::array<json::Value, 5> wrong{json::Value("banana"), json::Value(7), json::Value(true), bj::array{},
                                           bj::object{}};
    for (const auto& value : wrong) {
      const std::string type(type_of(value));
      if (type == type_of(at) || (also != rules.also.end() && also->second.contains(type))) continue;
      refuse(at, value, path);
    }
    if (at.is_number() && !rules.fraction.contains(pattern)) refuse(at, 1.5, path);
    if (!rules.opaque.contains(pattern)) descend(at, path, pattern);
  }

  void descend(json::Value& at, const std::string& path, const std::string& pattern) {
    if (auto* object = at.if_object()) {
      for (auto& [key, value] : *object) {
        const std::string_view name = key;
        visit(value, path.empty() ? std::string(name) : fmt::format("{}.{}", path, name),
              pattern.empty() ? std::string(name) : fmt::format("{}.{}", pattern, name));
      }
    } else if (auto* array = at.if_array()) {
      for (std::size_t i = 0; i < array->size(); ++i)
        visit((*array)[i], fmt::format("{}[{}]", path, i), pattern + "[]");
    }
  }
};

}  // namespace

void expect_wrong_types_refused(std::string_view body, const TypeRules& rules,
                                const std::function<std::optional<Error>(std::string_view)>& parse) {
  const auto whole = parse(body);
  ASSERT_FALSE(whole) << whole->message;
  Walk walk{.rules = rules, .parse = parse, .root = json::parse(body).value()};
  walk.descend(walk.root, "", "");
}

}  // namespace hearth::dialect::testing
