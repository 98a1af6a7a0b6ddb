// len, index, slice.
#include <fmt/format.h>

#include "chat/go/functions.hpp"

namespace hearth::chat::go {
namespace {

std::unexpected<Error> bad(std::string message) { return fail(ErrorCode::kInvalidRequest, std::move(message)); }

// A place in something of `size` elements; `end`: the place behind the last one counts too.
Result<std::size_t> place(const Value& index, std::size_t size, bool end) {
  const auto* whole = index.as<std::int64_t>();
  if (whole == nullptr) return bad(fmt::format("a {} is no index", index.kind()));
  if (*whole < 0 || static_cast<std::uint64_t>(*whole) > size || (!end && static_cast<std::uint64_t>(*whole) == size))
    return bad(fmt::format("index {} of {} elements", *whole, size));
  return static_cast<std::size_t>(*whole);
}

Result<Value> step(const Value& in, const Value& index) {
  if (const auto* list = in.as<List>()) {
    HEARTH_TRY(const auto at, place(index, list->size(), false));
    return list->at(at);
  }
  if (const auto* map = in.as<Map>()) {
    const auto* key = index.text();
    if (key == nullptr) return bad(fmt::format("a {} is no key", index.kind()));
    const auto found = map->entries->find(*key);
    return found == map->entries->end() ? Value() : found->second;
  }
  if (const auto* text = in.text()) {
    HEARTH_TRY(const auto at, place(index, text->size(), false));
    return Value(std::int64_t{static_cast<unsigned char>((*text)[at])});
  }
  return bad(fmt::format("a {} has no elements", in.kind()));
}

}  // namespace

Result<Value> length_of(Arguments args, Budget& /*budget*/) {
  const auto size = [](std::size_t count) { return Value(static_cast<std::int64_t>(count)); };
  if (const auto* list = args[0].as<List>()) return size(list->size());
  if (const auto* map = args[0].as<Map>()) return size(map->size());
  if (const auto* text = args[0].text()) return size(text->size());
  return bad(fmt::format("a {} has no length", args[0].kind()));
}

Result<Value> element_of(Arguments args, Budget& /*budget*/) {
  Value out = args[0];
  if (out.is_nothing()) return bad("nil has no elements");
  for (const auto& index : args.subspan(1)) {
    HEARTH_TRY(out, step(out, index));
  }
  return out;
}

Result<Value> slice_of(Arguments args, Budget& budget) {
  const auto* list = args[0].as<List>();
  const auto* text = args[0].text();
  if (list == nullptr && text == nullptr) return bad(fmt::format("a {} has no slices", args[0].kind()));
  if (text != nullptr && args.size() > 3) return bad("a string has no slice with three indices");
  const auto size = list != nullptr ? list->size() : text->size();
  std::size_t from = 0;
  std::size_t to = size;
  if (args.size() > 1) {
    HEARTH_TRY(from, place(args[1], size, true));
  }
  if (args.size() > 2) {
    HEARTH_TRY(to, place(args[2], size, true));
  }
  if (args.size() > 3) HEARTH_CHECK(place(args[3], size, true));  // the capacity, which nothing here grows into
  if (from > to) return bad(fmt::format("slice from {} to {}", from, to));
  if (text != nullptr) {
    HEARTH_CHECK(budget.write(to - from));
    return Value(text->substr(from, to - from));
  }
  List out = *list;
  out.begin = list->begin + from;
  out.end = list->begin + to;
  return Value(std::move(out));
}

}  // namespace hearth::chat::go
