#include "dialect/common/parse.hpp"

#include <array>
#include <cmath>
#include <fmt/format.h>
#include <utility>

#include "base/clock.hpp"
#include "base/strings.hpp"
#include "domain/model_name.hpp"
#include "json/writer.hpp"

namespace hearth::dialect::common {
std::optional<std::string> object_text(std::string_view text) {
  const auto value = json::parse(text);
  if (!value || !value->is_object()) return std::nullopt;
  return json::to_text(*value);
}

std::string repaired_arguments(std::string_view text) {
  if (base::trim(text).empty()) return "{}";
  const auto value = json::parse(text);
  if (value && value->is_object()) return json::to_text(*value);
  if (value && value->is_string()) {
    if (auto inner = object_text(std::string_view(value->get_string()))) return *std::move(inner);
  }
  json::Writer w;
  w.begin_object().field("arguments", text).end_object();
  return std::move(w).take();
}

std::string read_arguments(const json::Item& item) {
  if (item.is_object()) return json::to_text(item.value());
  if (item.is_string()) return repaired_arguments(item.text());
  item.fail("must be a string with a JSON object, or an object");
  return "{}";
}

void read_model(json::Object& in, std::string_view key, std::string& out) {
  const auto item = in.require(key);
  if (!item) return;
  out = item->text();
  if (!item->is_string()) return;
  if (out.empty()) return item->fail("is required");
  if (const auto name = domain::ModelName::parse(out); !name)
    item->fail(fmt::format("is not usable: {}", name.error().message));
}

void read_optional_model(json::Object& in, std::string_view key, std::string& out) {
  if (in.has(key)) read_model(in, key, out);
  in.accept(key);
}

void read_keep_alive(json::Object& in, domain::Envelope& out) {
  const auto item = in.get("keep_alive");
  if (!item) return;
  if (item->is_string()) {
    out.keep_alive = base::parse_duration(item->text());
    if (!out.keep_alive) item->fail("must be a duration like \"5m\", \"1h30m\" or \"-1\", or a number of seconds");
    return;
  }
  if (!item->is_number()) return item->fail("must be a duration like \"5m\" or a number of seconds");
  const double seconds = item->number();
  constexpr double kSecondsMax = 9e9;  // nanoseconds of more do not fit
  if (seconds < 0 || seconds > kSecondsMax) {
    out.keep_alive = base::kForever;
  } else {
    out.keep_alive = std::chrono::nanoseconds(std::llround(seconds * 1e9));
  }
}

void note_given(const json::Object& in, domain::ParameterSet& out) {
  using domain::Parameter;
  for (const auto& [name, parameter] : domain::kParameterNames) {
    if (in.has(name)) out.add(parameter);
  }
  for (const auto* name : {"max_tokens", "max_completion_tokens", "max_output_tokens"}) {
    if (in.has(name)) out.add(Parameter::kMaxTokens);
  }
  if (in.has("stop_sequences")) out.add(Parameter::kStop);
  if (in.has("repetition_penalty")) out.add(Parameter::kRepeatPenalty);
  if (in.has("n_keep")) out.add(Parameter::kKeepTokens);
}

void read_stop(json::Object& in, std::string_view key, std::vector<std::string>& out) {
  const auto item = in.get(key);
  if (!item) return;
  if (item->is_string()) {
    out = {item->text()};
  } else if (item->is_array()) {
    out = read_texts(*item);
  } else {
    item->fail("must be a string or an array of strings");
  }
  std::erase_if(out, [](const std::string& s) { return s.empty(); });
  if (out.size() > kStopsMax)
    item->fail(fmt::format("has {} stop strings; at most {} are taken", out.size(), kStopsMax));
}

std::vector<std::string> read_texts(const json::Item& item) {
  std::vector<std::string> out;
  item.each([&](const json::Item& element) { out.push_back(element.text()); });
  return out;
}

domain::Tokens read_tokens(const json::Item& item) {
  const auto* array = item.value().if_array();
  if (array == nullptr) {
    item.each([](const json::Item&) {});  // reports the type
    return {};
  }
  domain::Tokens out;
  out.reserve(array->size());
  for (std::size_t i = 0; i < array->size(); ++i) {
    const auto* token = (*array)[i].if_int64();
    if (token != nullptr && *token >= 0 && *token <= kInt32Max) {
      out.push_back(static_cast<domain::Token>(*token));
      continue;
    }
    // A path is made for a bad element only: there may be millions.
    const json::Item element((*array)[i], fmt::format("{}[{}]", item.path(), i), item.report());
    out.push_back(static_cast<domain::Token>(element.integer(0, kInt32Max)));
    if (item.report().error) return out;
  }
  return out;
}

std::vector<Input> read_inputs(const json::Item& item) {
  if (item.is_string()) return {item.text()};
  if (!item.is_array()) {
    item.fail("must be a string, an array of strings, an array of token ids, or an array of those");
    return {};
  }
  const auto& array = item.value().get_array();
  if (!array.empty() && array.front().is_number()) return {read_tokens(item)};
  std::vector<Input> out;
  item.each([&](const json::Item& element) {
    if (element.is_array()) {
      out.emplace_back(read_tokens(element));
    } else if (element.is_string()) {
      out.emplace_back(element.text());
    } else {
      element.fail("must be a string or an array of token ids");
    }
  });
  return out;
}

std::string read_object_text(const json::Item& item) {
  if (item.is_object()) return json::to_text(item.value());
  item.object([](json::Object&) {});  // reports the type
  return {};
}

std::string read_base64(const json::Item& item) {
  const std::string text = item.text();
  if (!item.is_string()) return {};
  auto bytes = base::base64_decode(text);
  if (!bytes || bytes->empty()) item.fail("must be base64 data");
  return std::move(bytes).value_or("");
}

Media read_media_url(const json::Item& item) {
  const std::string text = item.text();
  if (!item.is_string()) return {};
  if (base::starts_with_ignore_case(text, "https://") || base::starts_with_ignore_case(text, "http://"))
    return {.url = text};
  if (!base::starts_with_ignore_case(text, "data:")) {
    item.fail("must be a data: URI or an http(s) URL");
    return {};
  }
  constexpr std::string_view kPrefix = "data:";
  const auto comma = text.find(',');
  const std::string_view head = std::string_view(text).substr(0, comma).substr(kPrefix.size());
  if (comma == std::string::npos || !base::ends_with_ignore_case(head, ";base64")) {
    item.fail("must be a base64 data: URI (data:image/png;base64,...)");
    return {};
  }
  auto bytes = base::base64_decode(std::string_view(text).substr(comma + 1));
  if (!bytes || bytes->empty()) item.fail("must be a data: URI with base64 data");
  return {.data = std::move(bytes).value_or(""), .media_type = std::string(head.substr(0, head.find(';')))};
}

std::optional<domain::Reasoning::Effort> effort_from(std::string_view name) {
  using enum domain::Reasoning::Effort;
  static constexpr std::array<std::pair<std::string_view, domain::Reasoning::Effort>, 8> kNames{{
      {"none", kNone},
      {"minimal", kMinimal},
      {"low", kLow},
      {"medium", kMedium},
      {"high", kHigh},
      {"xhigh", kMax},
      {"max", kMax},
      {"ultra", kMax},
  }};
  for (const auto& [known, effort] : kNames) {
    if (known == name) return effort;
  }
  return std::nullopt;
}

domain::Part media_part(std::string bytes) {
  const std::string_view view = bytes;
  if (view.starts_with("RIFF") && view.substr(0, 12).ends_with("WAVE"))
    return domain::AudioPart{std::move(bytes), "wav"};
  if (view.starts_with("ID3")) return domain::AudioPart{std::move(bytes), "mp3"};
  return domain::ImagePart{.data = std::move(bytes)};
}

}  // namespace hearth::dialect::common
