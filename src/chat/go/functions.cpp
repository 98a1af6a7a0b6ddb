#include "chat/go/functions.hpp"

#include <algorithm>
#include <array>

namespace hearth::chat::go {
namespace {

constexpr std::size_t kAny = 1000;

Result<Value> negate(Arguments args, Budget& /*budget*/) { return Value(!args[0].is_true()); }

constexpr std::array kFunctions{
    Function{.name = "and", .least = 1, .most = kAny, .kind = Function::Kind::kAnd},
    Function{.name = "or", .least = 1, .most = kAny, .kind = Function::Kind::kOr},
    Function{.name = "not", .least = 1, .most = 1, .run = negate},
    Function{.name = "eq", .least = 2, .most = kAny, .run = equals_any},
    Function{.name = "ne", .least = 2, .most = 2, .run = differs},
    Function{.name = "lt", .least = 2, .most = 2, .run = is_less},
    Function{.name = "le", .least = 2, .most = 2, .run = is_at_most},
    Function{.name = "gt", .least = 2, .most = 2, .run = is_greater},
    Function{.name = "ge", .least = 2, .most = 2, .run = is_at_least},
    Function{.name = "len", .least = 1, .most = 1, .run = length_of},
    Function{.name = "index", .least = 1, .most = kAny, .run = element_of},
    Function{.name = "slice", .least = 1, .most = 4, .run = slice_of},
    Function{.name = "print", .least = 0, .most = kAny, .run = print},
    Function{.name = "println", .least = 0, .most = kAny, .run = print_line},
    Function{.name = "printf", .least = 1, .most = kAny, .run = print_format},
    Function{.name = "html", .least = 0, .most = kAny, .run = escape_html},
    Function{.name = "urlquery", .least = 0, .most = kAny, .run = escape_query},
    Function{.name = "json", .least = 1, .most = 1, .run = as_json},
    Function{.name = "currentDate", .least = 0, .most = kAny, .run = current_date},
    Function{.name = "yesterday", .least = 0, .most = kAny, .run = yesterday},
    Function{.name = "toTypeScriptType", .least = 1, .most = 1, .run = typescript_type},
};

}  // namespace

const Function* find_function(std::string_view name) {
  const auto* const it = std::ranges::find(kFunctions, name, &Function::name);
  return it == kFunctions.end() ? nullptr : it;
}

}  // namespace hearth::chat::go
