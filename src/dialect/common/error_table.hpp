#pragma once

#include <array>
#include <cstddef>

#include "base/error.hpp"

namespace hearth::dialect::common {

// Whether row i of a dialect's error table is that of code i: a code without a row has none of its own and fails the
// assertion.
template <class Row>
[[nodiscard]] consteval bool covers_every_code(const std::array<Row, base::kErrorCodeCount>& rows) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (static_cast<std::size_t>(rows[i].code) != i || rows[i].status < 400) return false;
  }
  return true;
}

}  // namespace hearth::dialect::common
