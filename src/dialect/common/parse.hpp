#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "domain/request.hpp"
#include "json/reader.hpp"

// What the dialects read alike. Every reader reports a wrong value at its path and gives a neutral value then.
namespace hearth::dialect::common {

inline constexpr std::int64_t kInt32Max = INT32_MAX;
inline constexpr std::size_t kStopsMax = 64;  // stop strings of one request

using Input = std::variant<std::string, domain::Tokens>;

// `text` as the compact text of a JSON object; nothing if it is none.
[[nodiscard]] std::optional<std::string> object_text(std::string_view text);
// Arguments of a tool call as the text of an object, whatever a model or a loose client made of them: empty = {}, an
// object that was quoted twice is unquoted, and any other text is kept as {"arguments": text}.
[[nodiscard]] std::string repaired_arguments(std::string_view text);
// The same from a request: a string or an object.
[[nodiscard]] std::string read_arguments(const json::Item& item);

// The required, well-formed name of a model.
void read_model(json::Object& in, std::string_view key, std::string& out);
// The same, of a dialect whose requests need not name a model.
void read_optional_model(json::Object& in, std::string_view key, std::string& out);
// A duration as Ollama writes it, or a number of seconds; negative = for ever.
void read_keep_alive(json::Object& in, domain::Envelope& out);
// A string or strings. Empty ones mean nothing and are dropped.
void read_stop(json::Object& in, std::string_view key, std::vector<std::string>& out);
// Which parameters of a generation the client sends itself, whatever its dialect calls them.
void note_given(const json::Object& in, domain::ParameterSet& out);
// An array of strings.
[[nodiscard]] std::vector<std::string> read_texts(const json::Item& item);
[[nodiscard]] domain::Tokens read_tokens(const json::Item& item);
// string | string[] | int[] | int[][]
[[nodiscard]] std::vector<Input> read_inputs(const json::Item& item);
// The compact text of an object.
[[nodiscard]] std::string read_object_text(const json::Item& item);
[[nodiscard]] std::string read_base64(const json::Item& item);

// Bytes of a base64 data: URI, or an http(s) URL as it stands; nothing else (a file: URL would read the server's disk).
struct Media {
  std::string data;
  std::string media_type;
  std::string url;
};
[[nodiscard]] Media read_media_url(const json::Item& item);

// One of the effort names of any dialect; nothing for another word.
[[nodiscard]] std::optional<domain::Reasoning::Effort> effort_from(std::string_view name);
// Image bytes, or audio bytes where their signature says so.
[[nodiscard]] domain::Part media_part(std::string bytes);

}  // namespace hearth::dialect::common
