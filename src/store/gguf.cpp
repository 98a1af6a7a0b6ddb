#include "store/gguf.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <fstream>
#include <limits>

#include "store/gguf_parse.hpp"

namespace hearth::store {
namespace {

constexpr std::uint64_t kFirstRead = 1 << 20;
constexpr std::uint64_t kHeaderMax = 1 << 30;

std::optional<std::int64_t> as_integer(const GgufScalar& value) {
  if (const auto* n = std::get_if<std::uint64_t>(&value))
    return *n <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())
               ? std::optional(static_cast<std::int64_t>(*n))
               : std::nullopt;
  if (const auto* n = std::get_if<std::int64_t>(&value)) return *n;
  if (const auto* b = std::get_if<bool>(&value)) return *b ? 1 : 0;
  return std::nullopt;
}

}  // namespace

const GgufValue* GgufHeader::find(std::string_view key) const {
  const auto found = std::ranges::find_if(metadata, [&](const auto& entry) { return entry.first == key; });
  return found == metadata.end() ? nullptr : &found->second;
}

std::string_view GgufHeader::text(std::string_view key) const {
  const GgufValue* const value = find(key);
  const auto* const scalar = value == nullptr ? nullptr : std::get_if<GgufScalar>(value);
  const auto* const text = scalar == nullptr ? nullptr : std::get_if<std::string>(scalar);
  return text == nullptr ? std::string_view() : *text;
}

std::vector<std::int64_t> GgufHeader::integers(std::string_view key) const {
  std::vector<std::int64_t> all;
  const GgufValue* const value = find(key);
  if (value == nullptr) return all;
  if (const auto* const scalar = std::get_if<GgufScalar>(value)) {
    if (const auto n = as_integer(*scalar)) all.push_back(*n);
    return all;
  }
  for (const GgufScalar& element : std::get<GgufArray>(*value).values) {
    if (const auto n = as_integer(element)) all.push_back(*n);
  }
  return all;
}

std::optional<std::int64_t> GgufHeader::integer(std::string_view key) const {
  const auto all = integers(key);
  if (all.empty()) return std::nullopt;
  return std::ranges::max(all);
}

std::optional<bool> GgufHeader::boolean(std::string_view key) const {
  const GgufValue* const value = find(key);
  const auto* const scalar = value == nullptr ? nullptr : std::get_if<GgufScalar>(value);
  const auto* const flag = scalar == nullptr ? nullptr : std::get_if<bool>(scalar);
  return flag == nullptr ? std::nullopt : std::optional(*flag);
}

std::string GgufHeader::arch_key(std::string_view name) const { return fmt::format("{}.{}", architecture(), name); }

// The header's length is not known before it is read: the beginning of the file is read in growing pieces until it is
// whole.
Result<GgufHeader> read_gguf(const std::filesystem::path& path) {
  std::error_code error;
  const std::uint64_t file_size = std::filesystem::file_size(path, error);
  if (error) return fail(ErrorCode::kIo, fmt::format("cannot read {}: {}", path.string(), error.message()));
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(ErrorCode::kIo, fmt::format("cannot open {}", path.string()));
  std::string bytes;
  for (std::uint64_t want = kFirstRead;; want *= 4) {
    const std::uint64_t until = std::min({want, file_size, kHeaderMax});
    const std::size_t have = bytes.size();
    bytes.resize(until);
    in.read(bytes.data() + have, static_cast<std::streamsize>(until - have));
    if (static_cast<std::uint64_t>(in.gcount()) != until - have)
      return fail(ErrorCode::kIo, fmt::format("cannot read {} bytes of {}", until, path.string()));
    auto parsed = parse_gguf_prefix(bytes, file_size, path.string());
    if (!parsed.needs_more) return std::move(parsed.header);
    if (until == kHeaderMax)
      return fail(ErrorCode::kModelLoadFailed,
                  fmt::format("{} is no usable GGUF file: its header is over 1 GiB", path.string()));
  }
}

}  // namespace hearth::store
