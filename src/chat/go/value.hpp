#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "json/reader.hpp"

namespace hearth::chat::go {

class Value;

// What Go calls a slice: a view of shared elements. `prints_json`: of a type whose own text is its JSON.
struct List {
  std::shared_ptr<const std::vector<Value>> elements;
  std::size_t begin = 0;
  std::size_t end = 0;
  bool prints_json = false;
  [[nodiscard]] std::size_t size() const { return end - begin; }
  [[nodiscard]] const Value& at(std::size_t index) const;
};

// Keys in order of their bytes, as Go's templates visit them.
struct Map {
  std::shared_ptr<const std::map<std::string, Value, std::less<>>> entries;
  bool prints_json = false;
  [[nodiscard]] std::size_t size() const { return entries->size(); }
};

// What Go calls a struct: fields that a template may name, each with the key it has in JSON.
struct Field;
struct RecordData {
  std::string type;  // "message", for complaints
  std::vector<Field> fields;
  bool prints_json = false;
};
struct Record {
  std::shared_ptr<const RecordData> data;
  [[nodiscard]] const Value* find(std::string_view name) const;
};

// A value of a template: nothing (Go's nil and what is not there), a truth value, a number, a text, or one of the
// above. Immutable; a copy shares the content. Numbers of JSON are reals, as in Go.
class Value {
 public:
  using Text = std::shared_ptr<const std::string>;

  Value() = default;
  explicit Value(bool b) : v_(b) {}
  explicit Value(std::int64_t number) : v_(number) {}
  explicit Value(double number) : v_(number) {}
  explicit Value(std::string text) : v_(std::make_shared<const std::string>(std::move(text))) {}
  explicit Value(std::string_view text) : Value(std::string(text)) {}
  explicit Value(const char* text) : Value(std::string(text)) {}
  explicit Value(List list) : v_(std::move(list)) {}
  explicit Value(Map map) : v_(std::move(map)) {}
  explicit Value(Record record) : v_(std::move(record)) {}

  [[nodiscard]] static Value list(std::vector<Value> elements, bool prints_json = false);
  [[nodiscard]] static Value map(std::map<std::string, Value, std::less<>> entries, bool prints_json = false);
  [[nodiscard]] static Value record(RecordData data);
  [[nodiscard]] static Value of_json(const json::Value& value);

  [[nodiscard]] bool is_nothing() const { return std::holds_alternative<std::monostate>(v_); }
  // nullptr if it is of another kind.
  template <class T>
  [[nodiscard]] const T* as() const {
    return std::get_if<T>(&v_);
  }
  [[nodiscard]] const std::string* text() const {
    const auto* shared = as<Text>();
    return shared == nullptr ? nullptr : shared->get();
  }
  [[nodiscard]] bool is_true() const;           // as `if` sees it
  [[nodiscard]] std::string_view kind() const;  // "list", "message", for complaints

 private:
  std::variant<std::monostate, bool, std::int64_t, double, Text, List, Map, Record> v_;
};

struct Field {
  std::string name;  // "ToolCalls"; empty: in JSON only
  std::string json;  // "tool_calls"; empty: not in JSON
  bool omit_empty = false;
  Value value;
};

// As Go's fmt.Print writes it; nothing is "<nil>".
[[nodiscard]] std::string to_text(const Value& value);
// As Go's json.Marshal writes it: compact, maps in the order of their keys, <, > and & escaped.
[[nodiscard]] std::string to_json(const Value& value);

}  // namespace hearth::chat::go
