#pragma once

#include <cstdint>
#include <string_view>

#include "hearth/error.hpp"

namespace hearth::base {

// One table (error.cpp) gives each code its HTTP status and its name; each dialect's table must have a row for each
// code: a new one without a row does not compile.
inline constexpr std::size_t kErrorCodeCount = static_cast<std::size_t>(ErrorCode::kInternal) + 1;

struct ErrorTraits {
  int http_status;
  std::string_view name;  // stable machine name, e.g. "model_not_found"
  bool retryable;
};
[[nodiscard]] const ErrorTraits& traits(ErrorCode code);
// Inverse of traits(code).name; kInternal for an unknown name.
[[nodiscard]] ErrorCode error_code_from_name(std::string_view name);

}  // namespace hearth::base
