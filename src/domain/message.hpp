#pragma once

#include <string>
#include <variant>
#include <vector>

namespace hearth::domain {

enum class Role { kSystem, kUser, kAssistant, kTool };

struct TextPart {
  std::string text;
  friend bool operator==(const TextPart&, const TextPart&) = default;
};
// Bytes as given by the client, or a URL that nobody has fetched yet (exactly one of the two is set).
struct ImagePart {
  std::string data;        // raw bytes
  std::string media_type;  // "image/png"; may be empty
  std::string url;
  friend bool operator==(const ImagePart&, const ImagePart&) = default;
};
struct AudioPart {
  std::string data;    // raw bytes
  std::string format;  // "wav", "mp3"
  friend bool operator==(const AudioPart&, const AudioPart&) = default;
};
struct FilePart {
  std::string data;
  std::string media_type;
  std::string name;
  std::string url;
  friend bool operator==(const FilePart&, const FilePart&) = default;
};
struct ToolCallPart {
  std::string id;
  std::string name;
  std::string arguments;  // a JSON object as text; key order is the client's
  friend bool operator==(const ToolCallPart&, const ToolCallPart&) = default;
};
struct ToolResultPart {
  std::string id;    // of the call it answers; may be empty (Ollama)
  std::string name;  // of the tool, where the dialect gives it
  std::string text;
  bool is_error = false;
  friend bool operator==(const ToolResultPart&, const ToolResultPart&) = default;
};
struct ThinkingPart {
  std::string text;
  std::string signature;  // must travel back unchanged
  friend bool operator==(const ThinkingPart&, const ThinkingPart&) = default;
};
struct RefusalPart {
  std::string text;
  friend bool operator==(const RefusalPart&, const RefusalPart&) = default;
};
using Part =
    std::variant<TextPart, ImagePart, AudioPart, FilePart, ToolCallPart, ToolResultPart, ThinkingPart, RefusalPart>;

struct Message {
  Role role = Role::kUser;
  std::vector<Part> parts;
  friend bool operator==(const Message&, const Message&) = default;
};

[[nodiscard]] std::string_view to_string(Role role);
// The text parts joined as they stand.
[[nodiscard]] std::string text_of(const Message& message);

}  // namespace hearth::domain
