#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace hearth::dialect::testing {

// What a body may hold, beside the types that it does hold. Paths have "[]" for every index.
struct TypeRules {
  std::map<std::string, std::set<std::string>, std::less<>> also;  // further types: string number boolean array object
  std::set<std::string, std::less<>> fraction;                     // numbers that need not be whole
  std::set<std::string, std::less<>> opaque;                       // taken whole: nothing below is checked
  std::set<std::string, std::less<>> any;                          // not read at all
};
// Replaces every field of `body` by values of every other type and expects kInvalidRequest with just that field as
// param.
void expect_wrong_types_refused(std::string_view body, const TypeRules& rules,
                                const std::function<std::optional<Error>(std::string_view)>& parse);

}  // namespace hearth::dialect::testing
