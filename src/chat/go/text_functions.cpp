// print, println, html, urlquery, and what Ollama adds to Go's functions.
#include <algorithm>
#include <ctime>
#include <fmt/format.h>

#include "chat/go/functions.hpp"

namespace hearth::chat::go {
namespace {

Result<Value> made(std::string text, Budget& budget) {
  HEARTH_CHECK(budget.write(text.size()));
  return Value(std::move(text));
}

// Blanks only between two that are no strings, as Go has it.
Result<std::string> joined(Arguments args, Budget& budget) {
  std::string out;
  for (std::size_t i = 0; i < args.size(); ++i) {
    if (i > 0 && args[i].text() == nullptr && args[i - 1].text() == nullptr) out += ' ';
    const auto before = out.size();
    out += to_text(args[i]);
    HEARTH_CHECK(budget.write(out.size() - before));
  }
  return out;
}

// What escapes text sees nothing as the text that a template would write.
std::vector<Value> shown(Arguments args) {
  std::vector<Value> out(args.begin(), args.end());
  for (auto& arg : out) {
    if (arg.is_nothing()) arg = Value("<no value>");
  }
  return out;
}

std::string day(std::chrono::system_clock::time_point now, int offset) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm parts{};
  localtime_r(&seconds, &parts);
  parts.tm_mday += offset;
  parts.tm_hour = 12;  // no change of clocks comes near
  parts.tm_isdst = -1;
  const std::time_t moved = std::mktime(&parts);
  localtime_r(&moved, &parts);
  return fmt::format("{:04}-{:02}-{:02}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
}

std::string typescript_name(std::string_view type) {
  if (type == "string" || type == "boolean" || type == "null" || type == "number") return std::string(type);
  if (type == "integer") return "number";
  if (type == "array") return "any[]";
  if (type == "object") return "Record<string, any>";
  return "any";
}

std::string typescript_union(const Value& property) {
  const auto* record = property.as<Record>();
  if (record == nullptr) return "any";
  std::vector<std::string> out;
  const auto* any_of = record->find("AnyOf");
  const auto* types = record->find("Type");
  if (const auto* list = any_of == nullptr ? nullptr : any_of->as<List>(); list != nullptr && list->size() > 0) {
    for (std::size_t i = 0; i < list->size(); ++i) out.push_back(typescript_union(list->at(i)));
  } else if (const auto* several = types == nullptr ? nullptr : types->as<List>()) {
    for (std::size_t i = 0; i < several->size(); ++i) {
      if (const auto* type = several->at(i).text()) out.push_back(typescript_name(*type));
    }
  } else if (const auto* one = types == nullptr ? nullptr : types->text()) {
    out.push_back(typescript_name(*one));
  }
  return out.empty() ? "any" : fmt::format("{}", fmt::join(out, " | "));
}

}  // namespace

Result<Value> print(Arguments args, Budget& budget) {
  HEARTH_TRY(auto out, joined(args, budget));
  return Value(std::move(out));
}

Result<Value> print_line(Arguments args, Budget& budget) {
  std::string out;
  for (const auto& arg : args) {
    const auto before = out.size();
    out += (out.empty() && &arg == args.data() ? "" : " ") + to_text(arg);
    HEARTH_CHECK(budget.write(out.size() - before));
  }
  return Value(out + '\n');
}

Result<Value> escape_html(Arguments args, Budget& budget) {
  HEARTH_TRY(const auto text, joined(shown(args), budget));
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '\0': out += "\uFFFD"; break;
      case '"': out += "&#34;"; break;
      case '\'': out += "&#39;"; break;
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      default: out += c;
    }
  }
  return made(std::move(out), budget);
}

Result<Value> escape_query(Arguments args, Budget& budget) {
  HEARTH_TRY(const auto text, joined(shown(args), budget));
  constexpr std::string_view kPlain = "-_.~";
  std::string out;
  for (const char c : text) {
    const bool word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (word || kPlain.contains(c))
      out += c;
    else if (c == ' ')
      out += '+';
    else
      out += fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
  }
  return made(std::move(out), budget);
}

Result<Value> as_json(Arguments args, Budget& budget) { return made(to_json(args[0]), budget); }

Result<Value> current_date(Arguments /*args*/, Budget& budget) { return made(day(budget.now(), 0), budget); }
Result<Value> yesterday(Arguments /*args*/, Budget& budget) { return made(day(budget.now(), -1), budget); }

Result<Value> typescript_type(Arguments args, Budget& budget) { return made(typescript_union(args[0]), budget); }

}  // namespace hearth::chat::go
