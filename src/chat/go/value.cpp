#include "chat/go/value.hpp"

#include <algorithm>
#include <utility>

namespace hearth::chat::go {
namespace {

template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};

}  // namespace

const Value& List::at(std::size_t index) const { return (*elements)[begin + index]; }

const Value* Record::find(std::string_view name) const {
  const auto it = std::ranges::find(data->fields, name, &Field::name);
  return it == data->fields.end() ? nullptr : &it->value;
}

Value Value::list(std::vector<Value> elements, bool prints_json) {
  const auto size = elements.size();
  return Value(List{.elements = std::make_shared<const std::vector<Value>>(std::move(elements)),
                    .begin = 0,
                    .end = size,
                    .prints_json = prints_json});
}

Value Value::map(std::map<std::string, Value, std::less<>> entries, bool prints_json) {
  return Value(Map{.entries = std::make_shared<const std::map<std::string, Value, std::less<>>>(std::move(entries)),
                   .prints_json = prints_json});
}

Value Value::record(RecordData data) {
  return Value(Record{.data = std::make_shared<const RecordData>(std::move(data))});
}

Value Value::of_json(const json::Value& value) {
  if (value.is_bool()) return Value(value.get_bool());
  if (value.is_string()) return Value(std::string_view(value.get_string()));
  if (value.is_number()) return Value(value.to_number<double>());
  if (value.is_array()) {
    std::vector<Value> out;
    for (const auto& element : value.get_array()) out.push_back(of_json(element));
    return list(std::move(out));
  }
  if (value.is_object()) {
    std::map<std::string, Value, std::less<>> out;
    for (const auto& [key, element] : value.get_object()) out.insert_or_assign(std::string(key), of_json(element));
    return map(std::move(out));
  }
  return {};
}

bool Value::is_true() const {
  return std::visit(
      Overloaded{[](std::monostate) { return false; }, [](bool b) { return b; }, [](std::int64_t n) { return n != 0; },
                 [](double n) { return n != 0; }, [](const Text& text) { return !text->empty(); },
                 [](const List& list) { return list.size() > 0; }, [](const Map& map) { return map.size() > 0; },
                 [](const Record&) { return true; }},
      v_);
}

std::string_view Value::kind() const {
  return std::visit(
      Overloaded{
          [](std::monostate) { return std::string_view("nil"); }, [](bool) { return std::string_view("bool"); },
          [](std::int64_t) { return std::string_view("int"); }, [](double) { return std::string_view("float64"); },
          [](const Text&) { return std::string_view("string"); }, [](const List&) { return std::string_view("list"); },
          [](const Map&) { return std::string_view("map"); },
          [](const Record& record) { return std::string_view(record.data->type); }},
      v_);
}

}  // namespace hearth::chat::go
