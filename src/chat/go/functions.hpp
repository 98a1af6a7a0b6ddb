#pragma once

#include <span>
#include <string_view>

#include "base/result.hpp"
#include "chat/go/budget.hpp"
#include "chat/go/value.hpp"

namespace hearth::chat::go {

using Arguments = std::span<const Value>;

// A function that templates may call: those of text/template, and Ollama's own. Errors say why, not where.
struct Function {
  enum class Kind { kPlain, kAnd, kOr };  // and, or: their arguments are evaluated one by one until one decides
  std::string_view name;
  std::size_t least = 0;  // arguments
  std::size_t most = 0;
  Result<Value> (*run)(Arguments, Budget&) = nullptr;  // none for and, or
  Kind kind = Kind::kPlain;
};

// nullptr: there is none of that name.
[[nodiscard]] const Function* find_function(std::string_view name);

// The functions behind the names, by what they deal with.
[[nodiscard]] Result<Value> equals_any(Arguments args, Budget& budget);  // eq
[[nodiscard]] Result<Value> differs(Arguments args, Budget& budget);     // ne
[[nodiscard]] Result<Value> is_less(Arguments args, Budget& budget);
[[nodiscard]] Result<Value> is_at_most(Arguments args, Budget& budget);
[[nodiscard]] Result<Value> is_greater(Arguments args, Budget& budget);
[[nodiscard]] Result<Value> is_at_least(Arguments args, Budget& budget);

[[nodiscard]] Result<Value> length_of(Arguments args, Budget& budget);   // len
[[nodiscard]] Result<Value> element_of(Arguments args, Budget& budget);  // index
[[nodiscard]] Result<Value> slice_of(Arguments args, Budget& budget);

[[nodiscard]] Result<Value> print(Arguments args, Budget& budget);
[[nodiscard]] Result<Value> print_line(Arguments args, Budget& budget);
[[nodiscard]] Result<Value> print_format(Arguments args, Budget& budget);  // printf
[[nodiscard]] Result<Value> escape_html(Arguments args, Budget& budget);
[[nodiscard]] Result<Value> escape_query(Arguments args, Budget& budget);

[[nodiscard]] Result<Value> as_json(Arguments args, Budget& budget);
[[nodiscard]] Result<Value> current_date(Arguments args, Budget& budget);
[[nodiscard]] Result<Value> yesterday(Arguments args, Budget& budget);
[[nodiscard]] Result<Value> typescript_type(Arguments args, Budget& budget);

}  // namespace hearth::chat::go
