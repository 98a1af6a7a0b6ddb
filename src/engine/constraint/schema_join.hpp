#pragma once

#include <algorithm>
#include <boost/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::engine::constraint::detail {

template <class Range, class T>
[[nodiscard]] bool contains(const Range& range, const T& value) {
  return std::ranges::find(range, value) != std::ranges::end(range);
}

// The first thing that is wrong with a schema, and where.
struct Problem {
  std::string path;
  std::string what;
};
class Problems {
 public:
  void add(std::string path, std::string what) {
    if (!first_) first_ = Problem{.path = std::move(path), .what = std::move(what)};
  }
  [[nodiscard]] bool any() const { return first_.has_value(); }
  [[nodiscard]] const Problem& first() const { return *first_; }

 private:
  std::optional<Problem> first_;
};

// A schema without references and combinations of its own: "type" (always a list), "enum" (const too) and keywords.
// Schemas inside are kept as they were written, with their place: [path, schema, ...], all of which a value must fit.
using Plain = boost::json::object;
using Choices = std::vector<Plain>;

[[nodiscard]] boost::json::value placed(const boost::json::value& schema, const std::string& path);
// Formats that grammars know.
[[nodiscard]] bool is_known_format(std::string_view name);
// What fits one of `a` and one of `b`. `path`: where the two meet, for problems.
[[nodiscard]] Choices both(const Choices& a, const Choices& b, const std::string& path, Problems& problems);
// What fits both; nothing if no value does.
[[nodiscard]] std::optional<Plain> both(const Plain& a, const Plain& b, const std::string& path, Problems& problems);

}  // namespace hearth::engine::constraint::detail
