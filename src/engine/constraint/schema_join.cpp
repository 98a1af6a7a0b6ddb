#include "engine/constraint/schema_join.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <unordered_set>
#include <utility>

namespace hearth::engine::constraint::detail {
namespace {

namespace bj = boost::json;

constexpr std::size_t kChoicesMax = 256;  // of one anyOf
constexpr std::array<std::string_view, 13> kFormats{
    "email", "date", "time",          "date-time", "duration",     "ipv4",        "ipv6",
    "uuid",  "uri",  "uri-reference", "hostname",  "uri-template", "json-pointer"};

bj::value join_placed(const bj::value& a, const bj::value& b) {
  bj::array out = a.get_array();
  for (std::size_t i = 1; i < b.get_array().size(); ++i) out.push_back(b.get_array()[i]);
  return out;
}

bool join_types(bj::value& mine, const bj::value& other) {
  const auto& theirs = other.get_array();
  bj::array out;
  for (const auto& type : mine.get_array()) {
    const bool narrower = type == "number" && contains(theirs, bj::value("integer"));
    const bool wider = type == "integer" && contains(theirs, bj::value("number"));
    if (wider || contains(theirs, type))
      out.push_back(type);
    else if (narrower)
      out.emplace_back("integer");
  }
  mine = std::move(out);
  return !mine.get_array().empty();
}

bool join_values(bj::value& mine, const bj::value& other) {
  const std::unordered_set<bj::value> theirs(other.get_array().begin(), other.get_array().end());
  bj::array out;
  for (const auto& value : mine.get_array())
    if (theirs.contains(value)) out.push_back(value);
  mine = std::move(out);
  return !mine.get_array().empty();
}

void join_members(bj::object& mine, const bj::object& other) {
  for (const auto& member : other) {
    if (auto* known = mine.if_contains(member.key()))
      *known = join_placed(*known, member.value());
    else
      mine[member.key()] = member.value();
  }
}

void join_prefix(bj::array& mine, const bj::array& other) {
  for (std::size_t i = 0; i < other.size(); ++i) {
    if (i < mine.size())
      mine[i] = join_placed(mine[i], other[i]);
    else
      mine.push_back(other[i]);
  }
}

// false: nothing fits both.
bool join_keyword(std::string_view key, bj::value& mine, const bj::value& other, const std::string& path,
                  Problems& problems) {
  if (key == "type") return join_types(mine, other);
  if (key == "enum") return join_values(mine, other);
  if (key == "required") {
    for (const auto& name : other.get_array())
      if (!contains(mine.get_array(), name)) mine.get_array().push_back(name);
  } else if (key == "properties" || key == "patternProperties") {
    join_members(mine.get_object(), other.get_object());
  } else if (key == "additionalProperties" || key == "propertyNames" || key == "items") {
    mine = join_placed(mine, other);
  } else if (key == "prefixItems") {
    join_prefix(mine.get_array(), other.get_array());
  } else if (key.starts_with("min") || key == "exclusiveMinimum") {
    if (other.to_number<double>() > mine.to_number<double>()) mine = other;
  } else if (key.starts_with("max") || key == "exclusiveMaximum") {
    if (other.to_number<double>() < mine.to_number<double>()) mine = other;
  } else if (key == "format") {
    if (!is_known_format(mine.get_string())) mine = other;
  } else if (mine != other) {
    problems.add(path, fmt::format("joins two different values of '{}'", key));
  }
  return true;
}

// What only `b` lists as a property is one of the additional ones of `a`; what only `b` lists as an item is one of the
// further items of `a`.
void bind_rest(Plain& out, const Plain& a, const Plain& b) {
  const auto* rest = a.if_contains("additionalProperties");
  const auto* listed = b.if_contains("properties");
  if (rest != nullptr && listed != nullptr && !a.contains("patternProperties")) {
    const auto* own = a.if_contains("properties");
    for (const auto& member : listed->get_object()) {
      if (own != nullptr && own->get_object().contains(member.key())) continue;
      auto& schema = out["properties"].get_object()[member.key()];
      schema = join_placed(schema, *rest);
    }
  }
  const auto* items = a.if_contains("items");
  const auto* prefix = b.if_contains("prefixItems");
  if (items == nullptr || prefix == nullptr) return;
  const std::size_t own = a.contains("prefixItems") ? a.at("prefixItems").get_array().size() : 0;
  auto& list = out["prefixItems"].get_array();
  for (std::size_t i = own; i < prefix->get_array().size(); ++i) list[i] = join_placed(list[i], *items);
}

}  // namespace

bj::value placed(const bj::value& schema, const std::string& path) { return bj::array{path, schema}; }

bool is_known_format(std::string_view name) { return contains(kFormats, name); }

std::optional<Plain> both(const Plain& a, const Plain& b, const std::string& path, Problems& problems) {
  if (a.empty()) return b;
  if (b.empty()) return a;
  Plain out = a;
  for (const auto& [key, value] : b) {
    auto* mine = out.if_contains(key);
    if (mine == nullptr)
      out[key] = value;
    else if (!join_keyword(key, *mine, value, path, problems))
      return std::nullopt;
  }
  bind_rest(out, a, b);
  bind_rest(out, b, a);
  return out;
}

Choices both(const Choices& a, const Choices& b, const std::string& path, Problems& problems) {
  Choices out;
  if (a.size() * b.size() > kChoicesMax) {
    problems.add(path, fmt::format("makes more than {} choices", kChoicesMax));
    return out;
  }
  for (const auto& x : a) {
    for (const auto& y : b) {
      if (auto joined = both(x, y, path, problems)) out.push_back(*std::move(joined));
    }
  }
  return out;
}

}  // namespace hearth::engine::constraint::detail
