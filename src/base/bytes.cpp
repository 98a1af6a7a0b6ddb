#include "base/bytes.hpp"

#include <array>
#include <fmt/format.h>

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

}  // namespace hearth::base
