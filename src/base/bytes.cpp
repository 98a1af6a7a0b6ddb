#include "base/bytes.hpp"

#include <array>
#include <charconv>
#include <fmt/format.h>
#include <system_error>

#include "base/strings.hpp"

namespace hearth::base {

std::string human(Bytes bytes) {
  constexpr std::array kUnits{"B", "kB", "MB", "GB", "TB", "PB"};
  auto value = static_cast<double>(bytes.count);
  std::size_t unit = 0;
  while (value >= 999.5 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  const int digits = unit == 0 || value >= 99.95 ? 0 : 1;
  return fmt::format("{:.{}f} {}", value, digits, kUnits[unit]);
}

std::optional<Bytes> parse_bytes(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc{} || value < 0) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  struct Unit {
    std::string_view name;
    double bytes;
  };
  static constexpr Unit kUnits[] = {
      {"", 1},      {"b", 1},        {"kb", 1e3},        {"mb", 1e6},           {"gb", 1e9},
      {"tb", 1e12}, {"kib", 1024.0}, {"mib", 1048576.0}, {"gib", 1073741824.0}, {"tib", 1099511627776.0}};
  for (const auto& unit : kUnits) {
    const double bytes = value * unit.bytes;
    if (equals_ignore_case(trim(text), unit.name) && bytes < 1e18) return Bytes{static_cast<std::uint64_t>(bytes)};
  }
  return std::nullopt;
}

}  // namespace hearth::base
