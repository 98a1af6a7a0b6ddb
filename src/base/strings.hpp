#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::base {

// ASCII only: names of models, headers and settings are ASCII where case matters.
[[nodiscard]] std::string to_lower(std::string_view text);
[[nodiscard]] std::string to_upper(std::string_view text);
[[nodiscard]] bool equals_ignore_case(std::string_view a, std::string_view b);
[[nodiscard]] bool starts_with_ignore_case(std::string_view text, std::string_view prefix);
[[nodiscard]] bool ends_with_ignore_case(std::string_view text, std::string_view suffix);
[[nodiscard]] std::string_view trim(std::string_view text);
// Pieces between separators, empty ones included.
[[nodiscard]] std::vector<std::string_view> split(std::string_view text, char separator);

// The whole text as a number, or nothing.
[[nodiscard]] std::optional<long long> parse_int(std::string_view text);
[[nodiscard]] std::optional<double> parse_double(std::string_view text);

// Length of the longest prefix that is complete UTF-8: a trailing, still incomplete sequence is left out.
// Bytes that can never become valid count as complete (a JSON writer replaces them).
[[nodiscard]] std::size_t complete_utf8_prefix(std::string_view text);
[[nodiscard]] bool is_valid_utf8(std::string_view text);
// Invalid sequences become U+FFFD.
[[nodiscard]] std::string to_valid_utf8(std::string_view text);

[[nodiscard]] std::string base64_encode(std::string_view bytes);
[[nodiscard]] std::optional<std::string> base64_decode(std::string_view text);

// `count` characters of [a-z0-9] from the system's random source.
[[nodiscard]] std::string random_id(std::size_t count);

// Control characters as \xNN, so that a text from outside makes one line of a log and nothing else.
[[nodiscard]] std::string one_line(std::string_view text);

// Bytes to change, add or leave out (Levenshtein).
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);
// As a shell takes it for one word: quoted where it must be.
[[nodiscard]] std::string shell_word(std::string_view text);

}  // namespace hearth::base
