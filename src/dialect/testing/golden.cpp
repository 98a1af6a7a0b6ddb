#include "dialect/testing/golden.hpp"

#include <algorithm>

#include "base/strings.hpp"

namespace hearth::dialect::testing {
namespace {

constexpr std::string_view kMark = "--- ";

}  // namespace

std::string_view Golden::section(std::string_view name) const {
  for (const auto& [key, text] : sections) {
    if (key == name) return text;
  }
  return {};
}

void Golden::set(std::string_view name, std::string text) {
  if (!text.empty() && !text.ends_with('\n')) text += '\n';
  for (auto& [key, old] : sections) {
    if (key == name) {
      old = std::move(text);
      return;
    }
  }
  sections.emplace_back(name, std::move(text));
}

std::string Golden::text() const {
  std::string out = comment;
  for (const auto& [key, text] : sections) out += std::string(kMark) + key + "\n" + text;
  return out;
}

Golden parse_golden(std::string_view text) {
  Golden out;
  std::string* at = &out.comment;
  if (text.ends_with('\n')) text.remove_suffix(1);
  for (const auto line : base::split(text, '\n')) {
    if (line.starts_with(kMark)) {
      out.sections.emplace_back(line.substr(kMark.size()), "");
      at = &out.sections.back().second;
    } else {
      *at += std::string(line) + "\n";
    }
  }
  return out;
}

std::vector<std::filesystem::path> golden_files(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> out;
  std::error_code error;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, error)) {
    if (entry.path().extension() == ".txt") out.push_back(entry.path());
  }
  std::ranges::sort(out);
  return out;
}

}  // namespace hearth::dialect::testing
