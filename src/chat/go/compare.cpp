// eq, ne, lt, le, gt, ge: values of one kind only, as in Go.
#include <algorithm>
#include <compare>
#include <fmt/format.h>
#include <optional>

#include "chat/go/functions.hpp"

namespace hearth::chat::go {
namespace {

std::unexpected<Error> incomparable(const Value& a, const Value& b) {
  return fail(ErrorCode::kInvalidRequest, fmt::format("a {} cannot be compared with a {}", a.kind(), b.kind()));
}

Result<bool> equal(const Value& a, const Value& b, Budget& budget) {
  if (a.is_nothing() || b.is_nothing()) return a.is_nothing() == b.is_nothing();
  if (const auto *x = a.as<bool>(), *y = b.as<bool>(); x != nullptr && y != nullptr) return *x == *y;
  if (const auto *x = a.as<std::int64_t>(), *y = b.as<std::int64_t>(); x != nullptr && y != nullptr) return *x == *y;
  if (const auto *x = a.as<double>(), *y = b.as<double>(); x != nullptr && y != nullptr) return *x == *y;
  if (const auto *x = a.text(), *y = b.text(); x != nullptr && y != nullptr) {
    if (x->size() == y->size()) HEARTH_CHECK(budget.read(x->size()));
    return *x == *y;
  }
  return incomparable(a, b);
}

Result<std::partial_ordering> order(Arguments args, Budget& budget) {
  const auto& [a, b] = std::pair<const Value&, const Value&>(args[0], args[1]);
  if (const auto *x = a.as<std::int64_t>(), *y = b.as<std::int64_t>(); x != nullptr && y != nullptr) return *x <=> *y;
  if (const auto *x = a.as<double>(), *y = b.as<double>(); x != nullptr && y != nullptr) return *x <=> *y;
  if (const auto *x = a.text(), *y = b.text(); x != nullptr && y != nullptr) {
    HEARTH_CHECK(budget.read(std::min(x->size(), y->size())));
    return *x <=> *y;
  }
  return incomparable(a, b);
}

}  // namespace

// Whether the first equals any of the others.
Result<Value> equals_any(Arguments args, Budget& budget) {
  for (const auto& other : args.subspan(1)) {
    HEARTH_TRY(const bool same, equal(args[0], other, budget));
    if (same) return Value(true);
  }
  return Value(false);
}

Result<Value> differs(Arguments args, Budget& budget) {
  HEARTH_TRY(const bool same, equal(args[0], args[1], budget));
  return Value(!same);
}
Result<Value> is_less(Arguments args, Budget& budget) {
  HEARTH_TRY(const auto is, order(args, budget));
  return Value(is < 0);
}
Result<Value> is_at_most(Arguments args, Budget& budget) {
  HEARTH_TRY(const auto is, order(args, budget));
  return Value(is <= 0);
}
Result<Value> is_greater(Arguments args, Budget& budget) {
  HEARTH_TRY(const auto is, order(args, budget));
  return Value(is > 0);
}
Result<Value> is_at_least(Arguments args, Budget& budget) {
  HEARTH_TRY(const auto is, order(args, budget));
  return Value(is >= 0);
}

}  // namespace hearth::chat::go
