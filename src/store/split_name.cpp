#include "store/split_name.hpp"

#include <fmt/format.h>
#include <string_view>

#include "base/strings.hpp"

namespace hearth::store {

std::string SplitName::part(std::int64_t wanted) const {
  return fmt::format("{}-{:05d}-of-{:05d}{}", prefix, wanted, count, extension);
}

std::optional<SplitName> split_stem(std::string_view stem) {
  constexpr std::string_view kShape = "-00001-of-00003";
  if (stem.size() <= kShape.size()) return std::nullopt;
  const auto tail = stem.substr(stem.size() - kShape.size());
  for (std::size_t i = 0; i < kShape.size(); ++i) {
    const bool digit = kShape[i] >= '0' && kShape[i] <= '9';
    if (digit ? tail[i] < '0' || tail[i] > '9' : tail[i] != kShape[i]) return std::nullopt;
  }
  return SplitName{.prefix = std::string(stem.substr(0, stem.size() - kShape.size())),
                   .number = base::parse_int(tail.substr(1, 5)).value_or(0),
                   .count = base::parse_int(tail.substr(10)).value_or(0)};
}

std::optional<SplitName> split_name(const std::filesystem::path& path) {
  auto out = split_stem(path.stem().string());
  if (out) out->extension = path.extension().string();
  return out;
}

}  // namespace hearth::store
