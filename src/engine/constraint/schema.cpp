#include "engine/constraint/schema.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/strings.hpp"
#include "engine/constraint/schema_join.hpp"
#include "engine/constraint/schema_keywords.hpp"
#include "json/reader.hpp"

namespace hearth::engine::constraint {
namespace {

namespace bj = boost::json;
using detail::both;
using detail::child;
using detail::Choices;
using detail::contains;
using detail::is_whole;
using detail::kKeywords;
using detail::Plain;
using detail::says_only;
using detail::type_of;

constexpr std::size_t kDepthMax = 100;     // of schemas in each other
constexpr std::size_t kNodesMax = 20'000;  // of what comes out

// What nothing fits is `false`, what everything fits an empty object.
bool is_nothing(const bj::value& v) { return v.is_bool() && !v.get_bool(); }
bool is_anything(const bj::value& v) { return v.is_object() && v.get_object().empty(); }

// Schemas in two steps: to a choice of plain ones (references followed, combinations worked out), and each of these to
// one normal schema per type. What is wrong is kept in problems_, and the rest of the work is then for nothing.
class Normaliser {
 public:
  explicit Normaliser(const bj::value& root) : root_(root) {}

  bj::value run() {
    bj::value out = node(root_, "", 0);
    bj::object definitions;
    for (auto& [name, value] : definitions_) {
      if (is_nothing(value)) refuse("", "a part of it fits no value");
      definitions[name] = std::move(value);
    }
    if (is_nothing(out)) refuse("", "it fits no value");
    if (!definitions.empty() && out.is_object()) out.get_object()["$defs"] = std::move(definitions);
    return out;
  }
  [[nodiscard]] const detail::Problems& problems() const { return problems_; }

 private:
  void refuse(const std::string& path, std::string what) { problems_.add(path, std::move(what)); }

  // --- schemas to choices ---

  bj::value node(const bj::value& schema, const std::string& path, std::size_t depth) {
    if (depth > kDepthMax) refuse(path, "schemas lie too deep in each other");
    if (++nodes_ > kNodesMax) refuse(path, "the schema becomes too large");
    if (problems_.any()) return bj::object();
    if (schema.is_object()) {
      const auto& object = schema.get_object();
      if (const auto* ref = object.if_contains("$ref"); ref != nullptr && says_only(object, "$ref"))
        return reference(*ref, child(path, "$ref"), depth);
    }
    return normal(choices_of(schema, path, depth, false), path, depth);
  }

  // `keep`: references stay as they are; nothing will be joined with them.
  Choices choices_of(const bj::value& schema, const std::string& path, std::size_t depth, bool keep) {
    if (depth > kDepthMax) refuse(path, "schemas lie too deep in each other, or refer to themselves");
    if (problems_.any()) return {};
    if (schema.is_bool()) return schema.get_bool() ? Choices{Plain()} : Choices{};
    if (!schema.is_object()) {
      refuse(path, "is no schema: it must be an object or a boolean");
      return {};
    }
    const auto& object = schema.get_object();
    const auto* ref = object.if_contains("$ref");
    if (ref != nullptr && keep && says_only(object, "$ref"))
      return {Plain(reference(*ref, child(path, "$ref"), depth).get_object())};
    Choices out{plain_part(object, path)};
    if (ref != nullptr) {
      const auto [target, place] = target_of(*ref, child(path, "$ref"));
      out = both(out, choices_of(*target, place, depth + 1, false), path, problems_);
    }
    if (const auto* all = list_of(object, "allOf", path)) {
      for (std::size_t i = 0; i < all->size(); ++i)
        out = both(out, choices_of((*all)[i], child(child(path, "allOf"), i), depth + 1, false), path, problems_);
    }
    for (const std::string_view keyword : {"anyOf", "oneOf"}) {
      const auto* any = list_of(object, keyword, path);
      if (any == nullptr) continue;
      Choices choices;
      for (std::size_t i = 0; i < any->size(); ++i) {
        auto more = choices_of((*any)[i], child(child(path, keyword), i), depth + 1, says_only(object, keyword));
        std::ranges::move(more, std::back_inserter(choices));
      }
      out = both(out, choices, path, problems_);
    }
    return out;
  }

  const bj::array* list_of(const bj::object& schema, std::string_view key, const std::string& path) {
    const auto* value = schema.if_contains(key);
    if (value == nullptr) return nullptr;
    if (value->is_array() && !value->get_array().empty()) return &value->get_array();
    refuse(child(path, key), "must be a list that is not empty");
    return nullptr;
  }

  // Where a reference leads becomes a definition of its own, once; so schemas may refer to themselves.
  bj::value reference(const bj::value& ref, const std::string& path, std::size_t depth) {
    const auto [target, place] = target_of(ref, path);
    auto known = names_.find(place);
    if (known == names_.end()) {
      known = names_.emplace(place, fmt::format("d{}", names_.size())).first;
      const std::string name = known->second;
      auto made = node(*target, place, depth + 1);
      if (made.is_object() && made.get_object().contains("$ref")) refuse(path, "leads to references only");
      definitions_.emplace_back(name, std::move(made));
    }
    return bj::object{{"$ref", "#/$defs/" + known->second}};
  }

  // The schema and its path.
  std::pair<const bj::value*, std::string> target_of(const bj::value& ref, const std::string& path) {
    const std::string_view text = ref.is_string() ? std::string_view(ref.get_string()) : "";
    if (text != "#" && !text.starts_with("#/")) {
      refuse(path, "must lead to a place in this schema (#/...)");
      return {&root_, ""};
    }
    const auto parts = detail::pointer_parts(text);
    const bj::value* here = &root_;
    for (const auto& part : parts) {
      std::size_t index = 0;
      const auto* const end = part.data() + part.size();
      if (here->is_object())
        here = here->get_object().if_contains(part);
      else if (here->is_array() && std::from_chars(part.data(), end, index).ptr == end)
        here = here->get_array().if_contains(index);
      else
        here = nullptr;
      if (here == nullptr) {
        refuse(path, fmt::format("leads to '{}', which is not there", base::one_line(text)));
        return {&root_, ""};
      }
    }
    return {here, detail::path_of(parts)};
  }

  // What stands in this schema itself.
  Plain plain_part(const bj::object& schema, const std::string& path) {
    Plain out;
    for (const auto& [key, value] : schema) {
      const auto* keyword = std::ranges::find(kKeywords, std::string_view(key), &detail::Keyword::name);
      if (keyword != kKeywords.end())
        out[key] = detail::checked(*keyword, value, child(path, key), problems_);
      else
        detail::check_other(key, value, child(path, key), problems_);
    }
    if (const auto* type = schema.if_contains("type"))
      out["type"] = detail::types_of(*type, child(path, "type"), problems_);
    const auto* nullable = schema.if_contains("nullable");  // OpenAPI's word
    if (nullable != nullptr && *nullable == bj::value(true) && out.contains("type"))
      out["type"].get_array().emplace_back("null");
    if (const auto* values = list_of(schema, "enum", path)) out["enum"] = *values;
    const auto* one = schema.if_contains("const");
    if (one != nullptr)
      out["enum"] = !out.contains("enum") || contains(out["enum"].get_array(), *one) ? bj::array{*one} : bj::array();
    return out;
  }

  // --- choices to normal schemas ---

  bj::value normal(const Choices& choices, const std::string& path, std::size_t depth) {
    bj::array out;
    const auto add = [&out](bj::value choice) {
      if (!is_nothing(choice) && !contains(out, choice)) out.push_back(std::move(choice));
    };
    for (const auto& plain : choices) {
      if (plain.contains("$ref"))
        add(plain);
      else if (const auto* values = plain.if_contains("enum"))
        add(listed(values->get_array(), plain, path));
      else
        for (const auto& type : types_meant(plain)) add(of_type(type, plain, path, depth));
    }
    if (out.empty()) return false;
    if (std::ranges::any_of(out, is_anything)) return bj::object();
    if (out.size() == 1) return out[0];
    return bj::object{{"anyOf", std::move(out)}};
  }

  // Without "type" a schema that has keywords of some types means these: such values fit it, and are what its author
  // wants. "": any value.
  static std::vector<std::string_view> types_meant(const Plain& plain) {
    std::vector<std::string_view> out;
    if (const auto* types = plain.if_contains("type")) {
      const auto& list = types->get_array();
      for (const auto& type : list) {
        const bool is_covered = type == "integer" && contains(list, bj::value("number"));
        if (!is_covered && !contains(out, std::string_view(type.get_string()))) out.emplace_back(type.get_string());
      }
      return out;
    }
    for (const auto& keyword : kKeywords) {
      if (plain.contains(keyword.name) && !contains(out, keyword.type)) out.push_back(keyword.type);
    }
    if (out.empty()) out.emplace_back();
    return out;
  }

  bj::value listed(const bj::array& values, const Plain& plain, const std::string& path) {
    bj::array out;
    std::unordered_set<bj::value> seen;
    for (const auto& value : values)
      if (has_type(value, plain) && fits(value, plain, path) && seen.insert(value).second) out.push_back(value);
    if (out.empty()) return false;
    return bj::object{{"enum", std::move(out)}};
  }

  static bool has_type(const bj::value& value, const Plain& plain) {
    const auto* types = plain.if_contains("type");
    if (types == nullptr) return true;
    const auto has = [&](std::string_view type) { return contains(types->get_array(), bj::value(type)); };
    return has(type_of(value)) || (value.is_number() && is_whole(value) && has("integer"));
  }

  // Whether a listed value fits the keywords beside its list.
  bool fits(const bj::value& value, const Plain& plain, const std::string& path) {
    const auto type = type_of(value);
    const auto bound = [&](std::string_view key, double otherwise) {
      return plain.contains(key) ? plain.at(key).to_number<double>() : otherwise;
    };
    constexpr double kFar = std::numeric_limits<double>::infinity();
    if (type == "number") {
      const double v = value.to_number<double>();
      return v >= bound("minimum", -kFar) && v <= bound("maximum", kFar) && v > bound("exclusiveMinimum", -kFar) &&
             v < bound("exclusiveMaximum", kFar) &&
             (!plain.contains("multipleOf") || std::fmod(v, bound("multipleOf", 1)) == 0);
    }
    if (type == "string" && !plain.contains("pattern")) {
      const auto length = static_cast<double>(detail::characters(value.get_string()));
      return length >= bound("minLength", 0) && length <= bound("maxLength", kFar);
    }
    for (const auto& keyword : kKeywords) {
      if (keyword.type == type && plain.contains(keyword.name))
        refuse(child(path, keyword.name), "stands beside a list of values; leave one of them out");
    }
    return true;
  }

  bj::value of_type(std::string_view type, const Plain& plain, const std::string& path, std::size_t depth) {
    if (type.empty()) return bj::object();
    if (type == "object") return object_of(plain, path, depth);
    if (type == "array") return array_of(plain, depth);
    if (type == "string") return string_of(plain, path);
    if (type == "number" || type == "integer") return number_of(type, plain, path);
    return bj::object{{"type", type}};
  }

  // Of a schema as plain ones keep it.
  bj::value inner(const bj::value& placed, std::size_t depth) {
    const auto& list = placed.get_array();
    const std::string path(list[0].get_string());
    if (list.size() == 2) return node(list[1], path, depth + 1);
    return node(bj::object{{"allOf", bj::array(list.begin() + 1, list.end())}}, path, depth + 1);
  }

  bj::value object_of(const Plain& plain, const std::string& path, std::size_t depth) {
    bj::object out{{"type", "object"}};
    bj::object properties;
    std::set<std::string, std::less<>> forbidden;
    if (const auto* listed = plain.if_contains("properties")) {
      for (const auto& member : listed->get_object()) {
        auto schema = inner(member.value(), depth);
        if (is_nothing(schema))
          forbidden.emplace(member.key());
        else
          properties[member.key()] = std::move(schema);
      }
    }
    const bool is_open = !plain.contains("properties") && !plain.contains("patternProperties");
    bj::value rest = is_open ? bj::value(bj::object()) : bj::value(false);
    if (const auto* additional = plain.if_contains("additionalProperties")) rest = inner(*additional, depth);
    if (!forbidden.empty() && !is_nothing(rest))
      refuse(path, fmt::format("forbids the property '{}' and allows others; list those that may be there",
                               *forbidden.begin()));
    if (!require(plain, forbidden, rest, properties, out)) return false;
    if (!properties.empty()) out["properties"] = std::move(properties);
    if (const auto* patterns = plain.if_contains("patternProperties")) {
      bj::object made;
      for (const auto& member : patterns->get_object())
        if (auto schema = inner(member.value(), depth); !is_nothing(schema)) made[member.key()] = std::move(schema);
      if (!made.empty()) out["patternProperties"] = std::move(made);
    }
    if (const auto* names = plain.if_contains("propertyNames")) {
      auto schema = inner(*names, depth);
      if (is_nothing(schema)) rest = false;
      if (schema.is_object() && !is_anything(schema)) out["propertyNames"] = std::move(schema);
    }
    for (const std::string_view key : {"minProperties", "maxProperties"})
      if (const auto* count = plain.if_contains(key)) out[key] = *count;
    out["additionalProperties"] = is_anything(rest) ? bj::value(true) : std::move(rest);
    return out;
  }

  // Properties that must be there and are not listed fit what others must fit. false: one cannot be there.
  static bool require(const Plain& plain, const std::set<std::string, std::less<>>& forbidden, const bj::value& rest,
                      bj::object& properties, bj::object& out) {
    const auto* required = plain.if_contains("required");
    if (required == nullptr) return true;
    bj::array names;
    std::unordered_set<std::string_view> seen;
    for (const auto& name : required->get_array()) {
      const std::string_view text = name.get_string();
      if (forbidden.contains(text)) return false;
      if (!seen.insert(text).second) continue;
      names.push_back(name);
      if (properties.contains(text)) continue;
      const bool is_closed =
          plain.contains("additionalProperties") && is_nothing(rest) && !plain.contains("patternProperties");
      if (is_closed) return false;
      properties[text] = is_nothing(rest) ? bj::value(bj::object()) : rest;
    }
    if (!names.empty()) out["required"] = std::move(names);
    return true;
  }

  bj::value array_of(const Plain& plain, std::size_t depth) {
    constexpr std::int64_t kNoEnd = std::numeric_limits<std::int64_t>::max();
    const std::int64_t least = plain.contains("minItems") ? plain.at("minItems").get_int64() : 0;
    std::int64_t most = plain.contains("maxItems") ? plain.at("maxItems").get_int64() : kNoEnd;
    bj::array prefix;
    if (const auto* list = plain.if_contains("prefixItems")) {
      for (const auto& item : list->get_array()) {
        if (std::ssize(prefix) >= most) break;
        auto schema = inner(item, depth);
        if (is_nothing(schema))
          most = std::ssize(prefix);
        else
          prefix.push_back(std::move(schema));
      }
    }
    bj::value rest = plain.contains("prefixItems") ? bj::value(false) : bj::value(bj::object());
    if (const auto* items = plain.if_contains("items")) rest = inner(*items, depth);
    if (is_nothing(rest)) most = std::min<std::int64_t>(most, std::ssize(prefix));
    if (least > most) return false;
    bj::object out{{"type", "array"}};
    if (most == std::ssize(prefix)) rest = false;
    out["items"] = std::move(rest);
    if (least > 0) out["minItems"] = least;
    if (most != kNoEnd) out["maxItems"] = most;
    if (!prefix.empty()) out["prefixItems"] = std::move(prefix);
    return out;
  }

  bj::value string_of(const Plain& plain, const std::string& path) {
    bj::object out{{"type", "string"}};
    const auto* least = plain.if_contains("minLength");
    const auto* most = plain.if_contains("maxLength");
    const bool is_measured = least != nullptr || most != nullptr;
    if (is_measured && plain.contains("pattern"))
      refuse(child(path, "pattern"),
             "cannot be kept to beside minLength or maxLength; write the length into the pattern");
    if (least != nullptr && most != nullptr && least->get_int64() > most->get_int64()) return false;
    for (const std::string_view key : {"minLength", "maxLength", "pattern"})
      if (const auto* value = plain.if_contains(key)) out[key] = *value;
    const auto* format = plain.if_contains("format");
    const bool is_kept = format != nullptr && !is_measured && !plain.contains("pattern") &&
                         detail::is_known_format(format->get_string());
    if (!is_kept) return out;
    if (const auto pattern = detail::pattern_of(format->get_string()); !pattern.empty())
      out["pattern"] = pattern;
    else
      out["format"] = *format;
    return out;
  }

  bj::value number_of(std::string_view type, const Plain& plain, const std::string& path) {
    bj::object out{{"type", type}};
    const bool is_integer = type == "integer";
    for (const std::string_view key : {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}) {
      const auto* value = plain.if_contains(key);
      if (value == nullptr) continue;
      const double v = value->to_number<double>();
      const bool is_lower = key.ends_with("inimum");
      if (!is_integer || value->is_int64())
        out[key] = *value;
      else if (is_whole(*value))
        out[key] = static_cast<std::int64_t>(v);
      else  // between two whole numbers it does not matter whether a bound is exclusive
        out[is_lower ? "minimum" : "maximum"] = static_cast<std::int64_t>(is_lower ? std::ceil(v) : std::floor(v));
    }
    if (const auto* multiple = plain.if_contains("multipleOf")) {
      if (!is_integer || !is_whole(*multiple) || multiple->to_number<double>() <= 0)
        refuse(child(path, "multipleOf"), "can be kept to only by integers, as multiples of whole numbers");
      out["multipleOf"] = static_cast<std::int64_t>(multiple->to_number<double>());
    }
    return out;
  }

  const bj::value& root_;
  detail::Problems problems_;
  std::map<std::string, std::string> names_;  // of definitions, by the path that they stand for
  std::vector<std::pair<std::string, bj::value>> definitions_;
  std::size_t nodes_ = 0;
};

}  // namespace

Result<std::string> normalise_schema(std::string_view text) {
  HEARTH_TRY(const auto root, json::parse(text));
  Normaliser normaliser(root);
  const auto out = normaliser.run();
  if (!normaliser.problems().any()) return json::to_text(out);
  const auto& problem = normaliser.problems().first();
  const auto place = problem.path.empty() ? std::string() : problem.path + ": ";
  return fail(ErrorCode::kInvalidRequest, fmt::format("the schema cannot be kept to: {}{}", place, problem.what),
              problem.path);
}

}  // namespace hearth::engine::constraint
