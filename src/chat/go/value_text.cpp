// Values as text and as JSON, as Go's fmt and encoding/json write them.
#include <fmt/format.h>
#include <string_view>

#include "base/strings.hpp"
#include "chat/go/numbers.hpp"
#include "chat/go/value.hpp"

namespace hearth::chat::go {
namespace {

void quote(std::string& out, std::string_view text) {
  const std::string valid = base::is_valid_utf8(text) ? std::string() : base::to_valid_utf8(text);
  if (!valid.empty()) text = valid;
  out += '"';
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\b': out += "\\b"; break;
      case '\f': out += "\\f"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      case '<':
      case '>':
      case '&': fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c)); break;
      case '\xE2':  // the line ends of Unicode, U+2028 and U+2029
        if (text.substr(i, 3) == "\u2028" || text.substr(i, 3) == "\u2029") {
          out += text[i + 2] == '\xA8' ? "\\u2028" : "\\u2029";
          i += 2;
          break;
        }
        [[fallthrough]];
      default:
        if (static_cast<unsigned char>(c) < 0x20)
          fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
        else
          out += c;
    }
  }
  out += '"';
}

bool is_empty(const Value& value) { return !value.as<Record>() && !value.is_true(); }

class Json {
 public:
  std::string take() && { return std::move(out_); }

  void add(const Value& value) {
    if (const auto* b = value.as<bool>())
      out_ += *b ? "true" : "false";
    else if (const auto* whole = value.as<std::int64_t>())
      out_ += fmt::format("{}", *whole);
    else if (const auto* real = value.as<double>())
      out_ += real_json(*real);
    else if (const auto* text = value.text())
      quote(out_, *text);
    else if (const auto* list = value.as<List>())
      add(*list);
    else if (const auto* map = value.as<Map>())
      add(*map);
    else if (const auto* record = value.as<Record>())
      add(*record);
    else
      out_ += "null";
  }

 private:
  void add(const List& list) {
    out_ += '[';
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (i > 0) out_ += ',';
      add(list.at(i));
    }
    out_ += ']';
  }
  void add(const Map& map) {
    out_ += '{';
    bool first = true;
    for (const auto& [key, value] : *map.entries) member(key, value, first);
    out_ += '}';
  }
  void add(const Record& record) {
    out_ += '{';
    bool first = true;
    for (const auto& field : record.data->fields) {
      if (!field.json.empty() && !(field.omit_empty && is_empty(field.value))) member(field.json, field.value, first);
    }
    out_ += '}';
  }
  void member(std::string_view key, const Value& value, bool& first) {
    if (!std::exchange(first, false)) out_ += ',';
    quote(out_, key);
    out_ += ':';
    add(value);
  }

  std::string out_;
};

void print(std::string& out, const Value& value);

void print(std::string& out, const List& list) {
  out += '[';
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (i > 0) out += ' ';
    print(out, list.at(i));
  }
  out += ']';
}

void print(std::string& out, const Map& map) {
  out += "map[";
  bool first = true;
  for (const auto& [key, value] : *map.entries) {
    if (!std::exchange(first, false)) out += ' ';
    out += key + ':';
    print(out, value);
  }
  out += ']';
}

void print(std::string& out, const Record& record) {
  out += '{';
  bool first = true;
  for (const auto& field : record.data->fields) {
    if (field.name.empty() || field.json.empty()) continue;
    if (!std::exchange(first, false)) out += ' ';
    print(out, field.value);
  }
  out += '}';
}

void print(std::string& out, const Value& value) {
  if (const auto* b = value.as<bool>()) {
    out += *b ? "true" : "false";
  } else if (const auto* whole = value.as<std::int64_t>()) {
    out += fmt::format("{}", *whole);
  } else if (const auto* real = value.as<double>()) {
    out += real_text(*real);
  } else if (const auto* text = value.text()) {
    out += *text;
  } else if (const auto* list = value.as<List>()) {
    list->prints_json ? void(out += to_json(value)) : print(out, *list);
  } else if (const auto* map = value.as<Map>()) {
    map->prints_json ? void(out += to_json(value)) : print(out, *map);
  } else if (const auto* record = value.as<Record>()) {
    record->data->prints_json ? void(out += to_json(value)) : print(out, *record);
  } else {
    out += "<nil>";
  }
}

}  // namespace

std::string to_text(const Value& value) {
  std::string out;
  print(out, value);
  return out;
}

std::string to_json(const Value& value) {
  Json json;
  json.add(value);
  return std::move(json).take();
}

}  // namespace hearth::chat::go
