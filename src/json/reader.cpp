#include "json/reader.hpp"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/parse_options.hpp>
#include <cmath>
#include <fmt/format.h>

#include "base/strings.hpp"
#include "json/value_handler.hpp"
#include "json/writer.hpp"

namespace hearth::json {
namespace bj = boost::json;

namespace {

std::string_view kind_name(const Value& value) {
  switch (value.kind()) {
    case bj::kind::null: return "null";
    case bj::kind::bool_: return "a boolean";
    case bj::kind::int64:
    case bj::kind::uint64:
    case bj::kind::double_: return "a number";
    case bj::kind::string: return "a string";
    case bj::kind::array: return "an array";
    case bj::kind::object: return "an object";
  }
  return "unknown";
}

std::string expected(std::string_view wanted, const Value& got) {
  return fmt::format("must be {}, not {}", wanted, kind_name(got));
}

void write_value(Writer& w, const Value& value) {
  switch (value.kind()) {
    case bj::kind::null: w.null(); break;
    case bj::kind::bool_: w.value(value.get_bool()); break;
    case bj::kind::int64: w.value(value.get_int64()); break;
    case bj::kind::uint64: w.value(value.get_uint64()); break;
    case bj::kind::double_: w.value(value.get_double()); break;
    case bj::kind::string: w.value(std::string_view(value.get_string())); break;
    case bj::kind::array:
      w.begin_array();
      for (const auto& element : value.get_array()) write_value(w, element);
      w.end_array();
      break;
    case bj::kind::object:
      w.begin_object();
      for (const auto& [key, element] : value.get_object()) {
        w.key(key);
        write_value(w, element);
      }
      w.end_object();
      break;
  }
}

}  // namespace

Result<Value> parse(std::string_view text) {
  bj::parse_options options;
  options.max_depth = 128;
  bj::basic_parser<ValueHandler> parser(options);
  parser.handler().stack.reset();
  boost::system::error_code error;
  const auto consumed = parser.write_some(false, text.data(), text.size(), error);
  if (!error && consumed < text.size() && !base::trim(text.substr(consumed)).empty())
    return fail(ErrorCode::kInvalidRequest,
                fmt::format("body is not valid JSON: unexpected text at byte {}", consumed));
  if (error == bj::error::too_deep)
    return fail(ErrorCode::kInvalidRequest, "body is not acceptable JSON: nested deeper than 128 levels");
  if (error == bj::error::exponent_overflow)
    return fail(ErrorCode::kInvalidRequest, "body is not acceptable JSON: a number is too large");
  if (error == bj::error::incomplete)
    return fail(ErrorCode::kInvalidRequest, text.empty() ? "body is empty; a JSON object is expected"
                                                         : "body is not valid JSON: it ends too early");
  if (error) return fail(ErrorCode::kInvalidRequest, fmt::format("body is not valid JSON (at byte {})", consumed));
  return parser.handler().stack.release();
}

std::string to_text(const Value& value) {
  Writer w;
  write_value(w, value);
  return std::move(w).take();
}

void Report::fail(std::string_view path, std::string_view problem) {
  if (error) return;
  error = Error{.code = ErrorCode::kInvalidRequest,
                .message = path.empty() ? fmt::format("body {}", problem) : fmt::format("{} {}", path, problem),
                .param = std::string(path)};
}

bool Item::is_null() const { return value_->is_null(); }
bool Item::is_string() const { return value_->is_string(); }
bool Item::is_object() const { return value_->is_object(); }
bool Item::is_array() const { return value_->is_array(); }
bool Item::is_number() const { return value_->is_number(); }
bool Item::is_bool() const { return value_->is_bool(); }

std::string Item::text() const {
  if (const auto* s = value_->if_string()) return {s->data(), s->size()};
  fail(expected("a string", *value_));
  return {};
}

bool Item::boolean() const {
  if (const auto* b = value_->if_bool()) return *b;
  fail(expected("a boolean", *value_));
  return false;
}

double Item::number() const {
  if (value_->is_number()) return value_->to_number<double>();
  fail(expected("a number", *value_));
  return 0;
}

std::int64_t Item::integer(std::int64_t min, std::int64_t max) const {
  std::int64_t out = 0;
  if (const auto* i = value_->if_int64()) {
    out = *i;
  } else if (const auto* d = value_->if_double(); d != nullptr && std::trunc(*d) == *d && std::abs(*d) < 9e15) {
    out = static_cast<std::int64_t>(*d);
  } else if (value_->is_uint64()) {
    out = std::numeric_limits<std::int64_t>::max();
  } else {
    fail(expected("an integer", *value_));
    return min > 0 ? min : 0;
  }
  if (out < min || out > max) {
    if (max >= std::numeric_limits<std::int32_t>::max())
      fail(fmt::format("must be at least {}, not {}", min, out));
    else
      fail(fmt::format("must be from {} to {}, not {}", min, max, out));
    return min > 0 ? min : 0;
  }
  return out;
}

void Item::object(const std::function<void(Object&)>& read) const {
  if (const auto* o = value_->if_object()) {
    Object in(*o, path_, *report_);
    read(in);
    in.finish();
    return;
  }
  fail(expected("an object", *value_));
}

void Item::each(const std::function<void(Item)>& read) const {
  const auto* a = value_->if_array();
  if (a == nullptr) return fail(expected("an array", *value_));
  for (std::size_t i = 0; i < a->size(); ++i) read(Item((*a)[i], fmt::format("{}[{}]", path_, i), *report_));
}

std::string Object::path_of(std::string_view key) const {
  return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

bool Object::has(std::string_view key) const {
  const auto* v = object_->if_contains(key);
  return v != nullptr && !v->is_null();
}

std::vector<std::string> Object::keys() const {
  std::vector<std::string> out;
  for (const auto& [key, value] : *object_) out.emplace_back(key);
  return out;
}

std::optional<Item> Object::get(std::string_view key) {
  known_.insert(std::string(key));
  const auto* v = object_->if_contains(key);
  if (v == nullptr || v->is_null()) return std::nullopt;
  return Item(*v, path_of(key), *report_);
}

std::optional<Item> Object::require(std::string_view key) {
  auto item = get(key);
  if (!item) fail(key, "is required");
  return item;
}

std::string Object::required_text(std::string_view key) {
  const auto item = require(key);
  return item ? item->text() : std::string();
}

void Object::text(std::string_view key, std::string& out) {
  if (const auto item = get(key)) out = item->text();
}

void Object::boolean(std::string_view key, bool& out) {
  if (const auto item = get(key)) out = item->boolean();
}

void Object::number(std::string_view key, double& out, double min, double max) {
  const auto item = get(key);
  if (!item) return;
  const double value = item->number();
  if (!item->is_number()) return;
  if (!(value >= min && value <= max)) return item->fail(fmt::format("must be from {} to {}, not {}", min, max, value));
  out = value;
}

void Object::integer(std::string_view key, std::int32_t& out, std::int64_t min, std::int64_t max) {
  if (const auto item = get(key)) out = static_cast<std::int32_t>(item->integer(min, max));
}

void Object::optional_integer(std::string_view key, std::optional<std::int32_t>& out, std::int64_t min,
                              std::int64_t max) {
  if (const auto item = get(key)) out = static_cast<std::int32_t>(item->integer(min, max));
}

void Object::raw(std::string_view key, std::string& out) {
  if (const auto item = get(key)) out = to_text(item->value());
}

void Object::object(std::string_view key, const std::function<void(Object&)>& read) {
  if (const auto item = get(key)) item->object(read);
}

void Object::each(std::string_view key, const std::function<void(Item)>& read) {
  if (const auto item = get(key)) item->each(read);
}

void Object::ignore(std::string_view key) {
  if (get(key)) report_->ignored.push_back(path_of(key));
}

void Object::fail(std::string_view key, std::string_view problem) const { report_->fail(path_of(key), problem); }

void Object::finish() {
  for (const auto& [key, value] : *object_) {
    if (!value.is_null() && !known_.contains(std::string(key))) report_->ignored.push_back(path_of(key));
  }
}

Result<Report> read_object(std::string_view text, const std::function<void(Object&)>& read) {
  HEARTH_TRY(const Value value, parse(text));
  Report report;
  Item(value, "", report).object(read);
  if (report.error) return hearth::fail(std::move(*report.error));
  return report;
}

}  // namespace hearth::json
