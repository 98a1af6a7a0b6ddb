#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace hearth::dialect::testing {

// A golden transcript: "# comment" lines, then sections that start with "--- name". What is given (route, request,
// events) comes first, what is expected after it.
struct Golden {
  std::string comment;
  std::vector<std::pair<std::string, std::string>> sections;

  [[nodiscard]] std::string_view section(std::string_view name) const;  // empty if absent
  void set(std::string_view name, std::string text);
  [[nodiscard]] std::string text() const;
};
[[nodiscard]] Golden parse_golden(std::string_view text);
// All *.txt below `folder`, sorted.
[[nodiscard]] std::vector<std::filesystem::path> golden_files(const std::filesystem::path& folder);

}  // namespace hearth::dialect::testing
