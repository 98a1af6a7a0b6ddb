#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace hearth::engine::constraint {

// A JSON schema (draft 2020-12 and what came before) as an equal one of few words: every node is a reference into
// "$defs", a list of values ("enum"), a choice ("anyOf"), or one type with its own keywords. allOf, siblings of anyOf
// and of references, lists of types and keywords without a type are worked out.
// - Objects that list properties and say nothing of others, and arrays with prefixItems that say nothing of further
//   items, are closed: what comes out fits the schema all the same.
// - oneOf is read as anyOf: what fits several of its branches is let through. Formats that no grammar knows are left
// out, as the standard allows. kInvalidRequest names what is no schema or cannot be kept, and where: `param` is
// "properties.a.not" ("" = the whole).
[[nodiscard]] Result<std::string> normalise_schema(std::string_view text);

}  // namespace hearth::engine::constraint
