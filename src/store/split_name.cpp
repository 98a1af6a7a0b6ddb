#include "store/split_name.hpp"

#include <fmt/format.h>
#include <string_view>

#include "base/strings.hpp"

namespace hearth::store {

std::string SplitName::part(std::int64_t wanted) const {
  return fmt::format("{}-{:05d}-of-{:05d}{}", prefix, wanted, count, extension);
}

std::optional<SplitName> split_name(const std::filesystem::path& path) {
  const std::string stem = path.stem().string();
  constexpr std::size_t kTail = 15;  // "-00001-of-00003"
  if (stem.size() <= kTail) return std::nullopt;
  const std::string tail = stem.substr(stem.size() - kTail);
  if (tail[0] != '-' || tail.substr(6, 4) != "-of-") return std::nullopt;
  const auto number = base::parse_int(tail.substr(1, 5));
  const auto count = base::parse_int(tail.substr(10, 5));
  if (!number || !count || *number < 0 || *count < 0) return std::nullopt;
  return SplitName{.prefix = stem.substr(0, stem.size() - kTail),
                   .number = *number,
                   .count = *count,
                   .extension = path.extension().string()};
}

}  // namespace hearth::store
