#include "store/reference.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "base/strings.hpp"

namespace hearth::store {
namespace {

constexpr std::size_t kTextMax = 2048;
constexpr std::size_t kPartMax = 96;  // as the hub has it

// Other ways to write the hub; what they leave is [org/]name...
constexpr std::array<std::string_view, 5> kHubPrefixes{"hf:", "hf.co/", "huggingface.co/", "https://hf.co/",
                                                       "https://huggingface.co/"};

bool is_part(std::string_view part) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  };
  return !part.empty() && part.size() <= kPartMax && part != "." && part != ".." && std::ranges::all_of(part, fits);
}

// "[org/]name"
bool is_repository(std::string_view name) {
  const auto parts = base::split(name, '/');
  return parts.size() <= 2 && std::ranges::all_of(parts, is_part);
}

bool looks_like_path(std::string_view text) {
  return text.starts_with('/') || text.starts_with("./") || text.starts_with("../") || text.starts_with("~/");
}

std::unexpected<Error> bad(std::string_view text, std::string_view why) {
  return fail(ErrorCode::kInvalidRequest,
              fmt::format("'{}' {}; a model is NAME[:TAG], hf:ORG/NAME[@REVISION][:QUANTISATION], "
                          "ollama:NAME[:TAG], s3://BUCKET/PREFIX[:QUANTISATION], https://.../NAME.gguf or a path",
                          base::one_line(text.substr(0, 200)), why),
              "model");
}

// "org/name@revision:selector"
Result<Reference> parse_hub(std::string_view text, std::string_view whole) {
  Reference out{.kind = Reference::Kind::kHub, .name = {}, .revision = {}, .selector = {}};
  if (const auto colon = text.find(':'); colon != std::string_view::npos) {
    out.selector = text.substr(colon + 1);
    text = text.substr(0, colon);
    if (out.selector.empty()) return bad(whole, "has nothing after ':'");
  }
  if (const auto at = text.find('@'); at != std::string_view::npos) {
    out.revision = text.substr(at + 1);
    text = text.substr(0, at);
    if (out.revision.empty()) return bad(whole, "has nothing after '@'");
  }
  if (!is_repository(text)) return bad(whole, "names no repository of the hub");
  out.name = text;
  return out;
}

Result<Reference> parse_ollama(std::string_view text, std::string_view whole) {
  Reference out{.kind = Reference::Kind::kOllama, .name = {}, .revision = {}, .selector = {}};
  if (const auto colon = text.find(':'); colon != std::string_view::npos) {
    out.selector = text.substr(colon + 1);
    text = text.substr(0, colon);
    if (!is_part(out.selector)) return bad(whole, "has no tag after ':'");
  }
  if (!is_repository(text)) return bad(whole, "names no model of Ollama's registry");
  out.name = text;
  return out;
}

// "bucket/prefix:selector"
Result<Reference> parse_s3(std::string_view text, std::string_view whole) {
  const auto without_slashes = [](std::string_view t) {
    while (t.ends_with('/')) t.remove_suffix(1);
    return t;
  };
  text = without_slashes(text);
  Reference out{.kind = Reference::Kind::kS3, .name = {}, .revision = {}, .selector = {}};
  const auto colon = text.rfind(':');
  if (colon != std::string_view::npos && !text.substr(colon).contains('/')) {
    out.selector = text.substr(colon + 1);
    text = without_slashes(text.substr(0, colon));
    if (out.selector.empty()) return bad(whole, "has nothing after ':'");
  }
  const auto parts = base::split(text, '/');
  if (!is_part(parts.front())) return bad(whole, "names no bucket");
  if (std::ranges::any_of(parts, [](std::string_view part) { return part == "." || part == ".."; }))
    return bad(whole, "has a '.' or '..' part");
  out.name = "s3://" + std::string(text);
  return out;
}

}  // namespace

Result<Reference> parse_reference(std::string_view text) {
  using Kind = Reference::Kind;
  const std::string_view whole = text;
  if (text.empty()) return bad(whole, "is empty");
  if (text.size() > kTextMax) return bad(whole, "is too long");
  if (std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }))
    return bad(whole, "has control characters");
  for (const auto prefix : kHubPrefixes) {
    if (!base::starts_with_ignore_case(text, prefix)) continue;
    text.remove_prefix(prefix.size());
    // A link to one of its files is a link.
    if (prefix.starts_with("https") && (text.contains("/resolve/") || text.contains("/blob/"))) break;
    while (text.ends_with('/')) text.remove_suffix(1);
    return parse_hub(text, whole);
  }
  text = whole;
  if (base::starts_with_ignore_case(text, "ollama:")) return parse_ollama(text.substr(7), whole);
  if (base::starts_with_ignore_case(text, "https://") || base::starts_with_ignore_case(text, "http://"))
    return Reference{.kind = Kind::kUrl, .name = std::string(text), .revision = {}, .selector = {}};
  if (base::starts_with_ignore_case(text, "s3://")) return parse_s3(text.substr(5), whole);
  if (base::starts_with_ignore_case(text, "file:")) {
    text.remove_prefix(5);
    while (text.starts_with("//")) text.remove_prefix(1);
    if (text.empty()) return bad(whole, "has no path after 'file:'");
    return Reference{.kind = Kind::kFile, .name = std::string(text), .revision = {}, .selector = {}};
  }
  if (looks_like_path(text))
    return Reference{.kind = Kind::kFile, .name = std::string(text), .revision = {}, .selector = {}};
  HEARTH_TRY(auto out, parse_hub(text, whole));
  out.kind = Kind::kName;
  return out;
}

Result<domain::ModelName> parse_new_name(std::string_view text) {
  HEARTH_TRY(auto name, domain::ModelName::parse(text));
  const auto reference = parse_reference(text);
  const bool elsewhere = name.path().contains(':') || (reference && reference->kind != Reference::Kind::kName);
  if (!elsewhere && !text.starts_with('-')) return name;
  return fail(ErrorCode::kInvalidRequest,
              fmt::format("'{}' cannot be the name of a model here: {}", base::one_line(text),
                          elsewhere ? "it says where models are fetched from" : "it begins like an option"),
              "name");
}

std::string to_text(const Reference& r) {
  using Kind = Reference::Kind;
  const std::string revision = r.revision.empty() ? "" : "@" + r.revision;
  const std::string selector = r.selector.empty() ? "" : ":" + r.selector;
  switch (r.kind) {
    case Kind::kName: return r.name + revision + selector;
    case Kind::kHub: return "hf:" + r.name + revision + selector;
    case Kind::kOllama: return "ollama:" + r.name + selector;
    case Kind::kFile: return looks_like_path(r.name) ? r.name : "file:" + r.name;
    case Kind::kUrl: return r.name;
    case Kind::kS3: return r.name + selector;
  }
  return r.name;
}

}  // namespace hearth::store
