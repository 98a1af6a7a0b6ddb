#include "engine/constraint/schema_keywords.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <fmt/format.h>

#include "base/strings.hpp"

namespace hearth::engine::constraint::detail {
namespace {

namespace bj = boost::json;

constexpr double kNumberMax = 9e18;  // what 64 bits hold

constexpr std::array<std::string_view, 7> kTypes{"array", "boolean", "integer", "null", "number", "object", "string"};
// Said about a value, not asked of it.
constexpr std::array<std::string_view, 18> kAnnotations{
    "$schema",  "$id",      "$comment",        "$anchor",          "title",    "description",
    "default",  "examples", "example",         "deprecated",       "readOnly", "writeOnly",
    "nullable", "strict",   "contentEncoding", "contentMediaType", "$defs",    "definitions"};
constexpr std::array<std::string_view, 7> kCombining{"type", "enum", "const", "$ref", "allOf", "anyOf", "oneOf"};

bool is_count(const bj::value& value) {
  constexpr double kMost = 2147483647;
  return value.is_number() && is_whole(value) && value.to_number<double>() >= 0 && value.to_number<double>() <= kMost;
}
bool is_annotation(std::string_view key) { return contains(kAnnotations, key) || key.starts_with("x-"); }

}  // namespace

std::string child(const std::string& path, std::string_view name) {
  return path.empty() ? std::string(name) : fmt::format("{}.{}", path, base::one_line(name));
}
std::string child(const std::string& path, std::size_t index) { return fmt::format("{}[{}]", path, index); }

std::vector<std::string> pointer_parts(std::string_view text) {
  std::vector<std::string> out;
  if (text.size() < 2) return out;
  for (const auto part : base::split(text.substr(2), '/')) {
    auto& key = out.emplace_back();
    for (std::size_t i = 0; i < part.size(); ++i) {
      if (part[i] == '~' && i + 1 < part.size()) {
        key += part[++i] == '1' ? '/' : '~';
      } else if (int code = 0; part[i] == '%' && i + 2 < part.size() &&
                               std::from_chars(&part[i + 1], &part[i] + 3, code, 16).ptr == &part[i] + 3) {
        key += static_cast<char>(code);
        i += 2;
      } else {
        key += part[i];
      }
    }
  }
  return out;
}

std::string path_of(const std::vector<std::string>& parts) {
  std::string out;
  for (const auto& part : parts) out = child(out, part);
  return out;
}

std::string_view type_of(const bj::value& value) {
  switch (value.kind()) {
    case bj::kind::null: return "null";
    case bj::kind::bool_: return "boolean";
    case bj::kind::string: return "string";
    case bj::kind::array: return "array";
    case bj::kind::object: return "object";
    default: return "number";
  }
}
bool is_whole(const bj::value& value) {
  return value.is_int64() || value.is_uint64() ||
         (value.is_double() && std::trunc(value.get_double()) == value.get_double());
}

bool says_only(const bj::object& schema, std::string_view keyword) {
  return std::ranges::all_of(schema, [&](const auto& e) { return e.key() == keyword || is_annotation(e.key()); });
}

std::string pattern_of(std::string_view format) {
  constexpr std::string_view kDate =
      "[1-9][0-9]{3}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2["
      "0-8]))";
  constexpr std::string_view kTime =
      "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])";
  constexpr std::string_view kByte = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
  if (format == "date") return fmt::format("^{}$", kDate);
  if (format == "time") return fmt::format("^{}$", kTime);
  if (format == "date-time") return fmt::format("^{}T{}$", kDate, kTime);
  if (format == "ipv4") return fmt::format("^({}\\.){{3}}{}$", kByte, kByte);
  return {};
}

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

bj::value checked(const Keyword& keyword, const bj::value& value, const std::string& path, Problems& problems) {
  const auto must_be = [&](bool fine, std::string_view what) {
    if (!fine) problems.add(path, fmt::format("must be {}", what));
    return fine;
  };
  const auto is_text = [](const bj::value& v) { return v.is_string(); };
  switch (keyword.value) {
    case KeywordValue::kSchema:
      must_be(!value.is_array(), "a schema; lists of schemas are called prefixItems");
      return placed(value, path);
    case KeywordValue::kSchemas: {
      bj::object out;
      if (must_be(value.is_object(), "an object"))
        for (const auto& member : value.get_object())
          out[member.key()] = placed(member.value(), child(path, member.key()));
      return out;
    }
    case KeywordValue::kSchemaList: {
      bj::array out;
      if (must_be(value.is_array(), "a list of schemas"))
        for (std::size_t i = 0; i < value.get_array().size(); ++i)
          out.push_back(placed(value.get_array()[i], child(path, i)));
      return out;
    }
    case KeywordValue::kNames:
      return must_be(value.is_array() && std::ranges::all_of(value.get_array(), is_text), "a list of names")
                 ? value
                 : bj::array();
    case KeywordValue::kCount:
      if (!must_be(is_count(value), "a whole number from 0 to 2147483647")) return 0;
      return static_cast<std::int64_t>(value.to_number<double>());
    case KeywordValue::kNumber:
      return must_be(value.is_number() && std::abs(value.to_number<double>()) < kNumberMax,
                     "a number of less than 64 bits")
                 ? value
                 : 0;
    case KeywordValue::kText: return must_be(value.is_string(), "a text") ? value : "";
  }
  return value;
}

void check_other(std::string_view key, const bj::value& value, const std::string& path, Problems& problems) {
  if (is_annotation(key) || contains(kCombining, key)) return;
  if (key == "uniqueItems" && value == bj::value(false)) return;
  // Objects and arrays are closed where they say nothing else.
  if ((key == "unevaluatedProperties" || key == "unevaluatedItems" || key == "additionalItems") && value.is_bool())
    return;
  problems.add(path, fmt::format("'{}' cannot be kept to while text is generated; leave it out", base::one_line(key)));
}

bj::array types_of(const bj::value& value, const std::string& path, Problems& problems) {
  bj::array out = value.is_array() ? value.get_array() : bj::array{value};
  const bool known = std::ranges::all_of(
      out, [](const bj::value& t) { return t.is_string() && contains(kTypes, std::string_view(t.get_string())); });
  if (known && !out.empty()) return out;
  problems.add(path, "must be array, boolean, integer, null, number, object or string, or a list of these");
  return {"null"};
}

}  // namespace hearth::engine::constraint::detail
