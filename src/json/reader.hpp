#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/result.hpp"

namespace hearth::json {

using Value = boost::json::value;

// Strict JSON (RFC 8259), nesting at most 128. kInvalidRequest says where it stops being JSON, without parser
// internals.
[[nodiscard]] Result<Value> parse(std::string_view text);
// As compact text: order kept, numbers as people write them (0.5, not 5E-1).
[[nodiscard]] std::string to_text(const Value& value);

// What reading one document found: the first error, and the fields nobody asked for.
struct Report {
  std::optional<Error> error;
  std::vector<std::string> ignored;  // paths of unknown and of known but not honoured fields, in document order

  // Keeps the first error only.
  void fail(std::string_view path, std::string_view problem);
};

class Object;

// One value with its path ("messages[2].content"). A cheap view: value and report outlive it.
class Item {
 public:
  Item(const Value& value, std::string path, Report& report)
      : value_(&value), path_(std::move(path)), report_(&report) {}

  [[nodiscard]] const Value& value() const { return *value_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] bool is_null() const;
  [[nodiscard]] bool is_string() const;
  [[nodiscard]] bool is_object() const;
  [[nodiscard]] bool is_array() const;
  [[nodiscard]] bool is_number() const;
  [[nodiscard]] bool is_bool() const;

  // Each reports an error at this path and gives a neutral value if the type is wrong.
  [[nodiscard]] std::string text() const;
  [[nodiscard]] bool boolean() const;
  [[nodiscard]] double number() const;
  [[nodiscard]] std::int64_t integer(std::int64_t min = std::numeric_limits<std::int64_t>::min(),
                                     std::int64_t max = std::numeric_limits<std::int64_t>::max()) const;
  void object(const std::function<void(Object&)>& read) const;  // unknown fields are noted as ignored
  void each(const std::function<void(Item)>& read) const;       // an array's elements
  void fail(std::string_view problem) const { report_->fail(path_, problem); }
  [[nodiscard]] Report& report() const { return *report_; }

 private:
  const Value* value_;
  std::string path_;
  Report* report_;
};

// An object being read: each getter marks its key as known. Absent and null are the same. The first wrong type is the
// error.
class Object {
 public:
  Object(const boost::json::object& object, std::string path, Report& report)
      : object_(&object), path_(std::move(path)), report_(&report) {}

  [[nodiscard]] bool has(std::string_view key) const;               // present and not null; marks nothing
  [[nodiscard]] std::vector<std::string> keys() const;              // all there are, in document order
  [[nodiscard]] std::optional<Item> get(std::string_view key);      // present and not null
  [[nodiscard]] std::optional<Item> require(std::string_view key);  // error if absent

  [[nodiscard]] std::string required_text(std::string_view key);
  // Overwrite `out` only if the key is there.
  void text(std::string_view key, std::string& out);
  void boolean(std::string_view key, bool& out);
  void number(std::string_view key, double& out, double min, double max);
  void integer(std::string_view key, std::int32_t& out, std::int64_t min, std::int64_t max);
  void optional_integer(std::string_view key, std::optional<std::int32_t>& out, std::int64_t min, std::int64_t max);
  // Compact JSON text of whatever stands there.
  void raw(std::string_view key, std::string& out);
  void object(std::string_view key, const std::function<void(Object&)>& read);
  void each(std::string_view key, const std::function<void(Item)>& read);
  // Known, but not honoured: noted as ignored if present.
  void ignore(std::string_view key);
  void ignore(std::initializer_list<std::string_view> keys) {
    for (const auto key : keys) ignore(key);
  }
  // Known and without effect by nature: neither read nor noted.
  void accept(std::string_view key) { known_.insert(std::string(key)); }
  void fail(std::string_view key, std::string_view problem) const;
  [[nodiscard]] Report& report() const { return *report_; }
  [[nodiscard]] std::string path_of(std::string_view key) const;
  // Notes every key nobody asked for. Called once, after reading (Item::object does).
  void finish();

 private:
  const boost::json::object* object_;
  std::string path_;
  Report* report_;
  std::unordered_set<std::string> known_;
};

// Parses `text` as one object and lets `read` take it apart: the usual whole of a request body.
[[nodiscard]] Result<Report> read_object(std::string_view text, const std::function<void(Object&)>& read);

}  // namespace hearth::json
