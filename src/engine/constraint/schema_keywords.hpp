#pragma once

#include <array>
#include <boost/json.hpp>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "engine/constraint/schema_join.hpp"

// The words of JSON schemas: which there are, and what their values may be.
namespace hearth::engine::constraint::detail {

enum class KeywordValue { kSchema, kSchemas, kSchemaList, kNames, kCount, kNumber, kText };
struct Keyword {
  std::string_view name;
  std::string_view type;  // of the values that it is about
  KeywordValue value;
};
inline constexpr std::array<Keyword, 20> kKeywords{{{"properties", "object", KeywordValue::kSchemas},
                                                    {"required", "object", KeywordValue::kNames},
                                                    {"additionalProperties", "object", KeywordValue::kSchema},
                                                    {"patternProperties", "object", KeywordValue::kSchemas},
                                                    {"propertyNames", "object", KeywordValue::kSchema},
                                                    {"minProperties", "object", KeywordValue::kCount},
                                                    {"maxProperties", "object", KeywordValue::kCount},
                                                    {"items", "array", KeywordValue::kSchema},
                                                    {"prefixItems", "array", KeywordValue::kSchemaList},
                                                    {"minItems", "array", KeywordValue::kCount},
                                                    {"maxItems", "array", KeywordValue::kCount},
                                                    {"minLength", "string", KeywordValue::kCount},
                                                    {"maxLength", "string", KeywordValue::kCount},
                                                    {"pattern", "string", KeywordValue::kText},
                                                    {"format", "string", KeywordValue::kText},
                                                    {"minimum", "number", KeywordValue::kNumber},
                                                    {"maximum", "number", KeywordValue::kNumber},
                                                    {"exclusiveMinimum", "number", KeywordValue::kNumber},
                                                    {"exclusiveMaximum", "number", KeywordValue::kNumber},
                                                    {"multipleOf", "number", KeywordValue::kNumber}}};

// The path of what lies in another: "properties.a", "anyOf[1]".
[[nodiscard]] std::string child(const std::string& path, std::string_view name);
[[nodiscard]] std::string child(const std::string& path, std::size_t index);
// "#/a~1b/%41", a JSON pointer in a URI's fragment, as the names that it leads through; and these as a path.
[[nodiscard]] std::vector<std::string> pointer_parts(std::string_view text);
[[nodiscard]] std::string path_of(const std::vector<std::string>& parts);

[[nodiscard]] std::string_view type_of(const boost::json::value& value);
[[nodiscard]] bool is_whole(const boost::json::value& value);
// Whether a schema says this one thing and nothing beside it.
[[nodiscard]] bool says_only(const boost::json::object& schema, std::string_view keyword);
// Of formats whose usual grammars let impossible values through: 31 February, 25 o'clock, 01.2.3.4. "": of no other.
[[nodiscard]] std::string pattern_of(std::string_view format);
[[nodiscard]] std::size_t characters(std::string_view text);

// A keyword's value as plain schemas keep it.
[[nodiscard]] boost::json::value checked(const Keyword& keyword, const boost::json::value& value,
                                         const std::string& path, Problems& problems);
// A key that is no keyword of kKeywords: a problem, unless nothing is asked by it.
void check_other(std::string_view key, const boost::json::value& value, const std::string& path, Problems& problems);
// The value of "type" as a list.
[[nodiscard]] boost::json::array types_of(const boost::json::value& value, const std::string& path, Problems& problems);

}  // namespace hearth::engine::constraint::detail
