#include "domain/model_name.hpp"

#include <algorithm>

#include "base/strings.hpp"

namespace hearth::domain {

Result<ModelName> ModelName::parse(std::string_view text) {
  auto bad = [&](std::string_view why) {
    return fail(ErrorCode::kInvalidRequest,
                "model name '" + base::to_valid_utf8(text.substr(0, 80)) + "' " + std::string(why), "model");
  };
  if (text.empty()) return fail(ErrorCode::kInvalidRequest, "model name is empty", "model");
  if (text.size() > 512) return bad("is longer than 512 bytes");
  if (std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }))
    return bad("has control characters");
  if (!base::is_valid_utf8(text)) return bad("is not UTF-8");
  std::string_view path = text;
  std::string_view tag = "latest";
  const auto slash = text.rfind('/');
  const auto colon = text.rfind(':');
  if (colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash)) {
    path = text.substr(0, colon);
    tag = text.substr(colon + 1);
    if (tag.empty()) return bad("has an empty tag after ':'");
    if (path.substr(slash == std::string_view::npos ? 0 : slash).contains(':')) return bad("has more than one ':'");
  }
  for (const auto part : base::split(path, '/')) {
    if (part.empty()) return bad("has an empty part");
    if (part.size() > 128) return bad("has a part of more than 128 bytes");
    if (part == "." || part == "..") return bad("has a '.' or '..' part");
  }
  return ModelName(std::string(path), std::string(tag));
}

std::string ModelName::key() const { return base::to_lower(full()); }

std::string slug_of(std::string_view name) {
  std::string out;
  for (const char c : base::to_lower(name)) {
    if (c == '/') {
      out += "--";
    } else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-') {
      out += c;
    } else {
      out += '-';
    }
  }
  return out;
}

}  // namespace hearth::domain
