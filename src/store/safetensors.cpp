#include "store/safetensors.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <fmt/format.h>
#include <fstream>
#include <limits>
#include <set>
#include <system_error>
#include <utility>

#include "base/files.hpp"
#include "json/reader.hpp"
#include "store/split_name.hpp"

namespace hearth::store {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kLengthBytes = 8;
// The format allows 100 MB; published files stay below one.
constexpr std::uint64_t kHeaderMax = 16ULL << 20;

struct Type {
  std::string_view name;
  unsigned bits;
};
constexpr std::array<Type, 21> kTypes{
    {{"BOOL", 8},        {"U8", 8},          {"I8", 8},    {"F8_E4M3", 8}, {"F8_E5M2", 8}, {"F8_E8M0", 8},
     {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"F4", 4},    {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"U16", 16},
     {"I16", 16},        {"F16", 16},        {"BF16", 16}, {"U32", 32},    {"I32", 32},    {"F32", 32},
     {"U64", 64},        {"I64", 64},        {"F64", 64}}};

std::unexpected<Error> broken(const std::string& name, std::string_view why, std::optional<std::uint64_t> offset) {
  return fail({.code = ErrorCode::kModelLoadFailed,
               .message = fmt::format("{} is no usable safetensors file: {}{}; fetch it again", name, why,
                                      offset ? fmt::format(" (at byte {})", *offset) : ""),
               .context = name,
               .offset = offset});
}

// False: more than 2^64.
bool multiply(std::uint64_t& product, std::uint64_t factor) {
  return !__builtin_mul_overflow(product, factor, &product);
}

std::uint64_t unsigned_of(const json::Item& item) { return static_cast<std::uint64_t>(item.integer(0)); }

// What stands at a tensor's name. Problems go into the report.
SafetensorsTensor read_tensor(json::Object& in, const std::string& name) {
  SafetensorsTensor out{.name = name, .type = in.required_text("dtype"), .elements = 1};
  bool small = true;
  if (const auto shape = in.require("shape"))
    shape->each([&](const json::Item& item) {
      out.shape.push_back(unsigned_of(item));
      small = small && multiply(out.elements, out.shape.back());
    });
  std::vector<std::uint64_t> ends;
  if (const auto offsets = in.require("data_offsets"))
    offsets->each([&](const json::Item& item) { ends.push_back(unsigned_of(item)); });
  const auto* const type = std::ranges::find(kTypes, out.type, &Type::name);
  std::uint64_t bits = out.elements;
  if (ends.size() != 2 || ends[0] > ends[1]) return in.fail("data_offsets", "must be a beginning and an end"), out;
  out.offset = ends[0];
  out.bytes = ends[1] - ends[0];
  if (type == kTypes.end()) return in.fail("dtype", fmt::format("'{}' is not known", out.type)), out;
  if (!small || !multiply(bits, type->bits) || bits % 8 != 0 || bits / 8 != out.bytes)
    in.fail("data_offsets", fmt::format("{} bytes are not what the shape and {} take", out.bytes, out.type));
  return out;
}

// Every byte of the data belongs to one tensor.
Result<void> check_cover(const SafetensorsHeader& header, const std::string& name) {
  std::uint64_t at = 0;
  const std::uint64_t room = header.file_size - header.data_offset;
  for (const auto& tensor : header.tensors) {
    if (tensor.offset != at)
      return broken(name,
                    fmt::format("tensor '{}' begins at {} of the data and not at {}", tensor.name, tensor.offset, at),
                    header.data_offset + std::min(at, room));
    at += tensor.bytes;
    if (at > room)
      return broken(name, fmt::format("tensor '{}' ends {} bytes after the file", tensor.name, at - room),
                    header.file_size);
  }
  if (at != room)
    return broken(name, fmt::format("{} bytes after its last tensor", room - at), header.data_offset + at);
  return {};
}

struct Index {
  std::set<std::string> files;
  std::vector<std::pair<std::string, std::string>> tensors;  // name, file
};

Result<Index> read_index(const fs::path& path) {
  HEARTH_TRY(const auto text, base::read_file(path));
  Index out;
  const auto read = json::read_object(text, [&](json::Object& in) {
    in.accept("metadata");
    if (!in.require("weight_map")) return;
    in.object("weight_map", [&](json::Object& map) {
      for (const auto& tensor : map.keys()) {
        const auto item = map.get(tensor);
        const std::string file = item ? item->text() : "";
        if (file.empty() || file.contains('/') || file.starts_with('.')) return map.fail(tensor, "must be a file name");
        out.files.insert(file);
        out.tensors.emplace_back(tensor, file);
      }
    });
  });
  if (read) return out;
  return fail({.code = ErrorCode::kModelLoadFailed,
               .message = fmt::format("{} is no index of tensors: {}", path.string(), read.error().message),
               .context = path.string()});
}

// "model.safetensors.index.json" for any part of a model, if there is one.
std::optional<fs::path> index_of(const fs::path& path) {
  const auto split = split_name(path);
  const fs::path index =
      path.parent_path() / ((split ? split->prefix : path.stem().string()) + ".safetensors.index.json");
  std::error_code error;
  return fs::is_regular_file(index, error) ? std::optional(index) : std::nullopt;
}

}  // namespace

Result<SafetensorsHeader> parse_safetensors(std::string_view bytes, std::uint64_t file_size, const std::string& name) {
  if (file_size < kLengthBytes || bytes.size() < kLengthBytes)
    return broken(name, "it ends within its first 8 bytes", file_size);
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), kLengthBytes);
  if (length > kHeaderMax || length > file_size - kLengthBytes || length > bytes.size() - kLengthBytes)
    return broken(name, fmt::format("it says that its header has {} bytes", length), 0);
  SafetensorsHeader out{.data_offset = kLengthBytes + length, .file_size = file_size, .tensors = {}};
  const auto text = bytes.substr(kLengthBytes, length);
  if (!text.starts_with('{')) return broken(name, "its header is no JSON object", kLengthBytes);
  const auto read = json::read_object(text, [&](json::Object& in) {
    in.accept("__metadata__");
    for (const auto& tensor : in.keys()) {
      if (tensor == "__metadata__") continue;
      in.object(tensor, [&](json::Object& t) { out.tensors.push_back(read_tensor(t, tensor)); });
    }
  });
  if (!read) return broken(name, fmt::format("its header: {}", read.error().message), kLengthBytes);
  std::ranges::sort(out.tensors, {}, [](const SafetensorsTensor& t) { return std::pair(t.offset, t.bytes); });
  HEARTH_CHECK(check_cover(out, name));
  return out;
}

Result<SafetensorsHeader> read_safetensors(const fs::path& path) {
  std::error_code error;
  const std::uint64_t file_size = fs::file_size(path, error);
  if (error) return fail(ErrorCode::kIo, fmt::format("cannot read {}: {}", path.string(), error.message()));
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(ErrorCode::kIo, fmt::format("cannot open {}", path.string()));
  std::uint64_t length = 0;
  std::string bytes(std::min(file_size, kLengthBytes), '\0');
  in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (bytes.size() == kLengthBytes) std::memcpy(&length, bytes.data(), kLengthBytes);
  const std::uint64_t rest = std::min({length, kHeaderMax, file_size - bytes.size()});
  bytes.resize(bytes.size() + rest);
  in.read(bytes.data() + bytes.size() - rest, static_cast<std::streamsize>(rest));
  if (!in) return fail(ErrorCode::kIo, fmt::format("cannot read {} bytes of {}", bytes.size(), path.string()));
  return parse_safetensors(bytes, file_size, path.string());
}

Result<std::vector<fs::path>> safetensors_parts(const fs::path& path) {
  std::vector<fs::path> out;
  if (const auto index_path = index_of(path)) {
    HEARTH_TRY(const auto index, read_index(*index_path));
    for (const auto& file : index.files) out.push_back(path.parent_path() / file);
  } else if (const auto split = split_name(path)) {
    for (std::int64_t i = 1; i <= split->count; ++i) out.push_back(path.parent_path() / split->part(i));
  }
  if (out.empty()) out.push_back(path);
  return out;
}

Result<void> check_safetensors(const fs::path& path) {
  HEARTH_TRY(const auto parts, safetensors_parts(path));
  std::set<std::pair<std::string, std::string>> present;
  for (const auto& part : parts) {
    std::error_code error;
    if (!fs::exists(part, error))
      return fail({.code = ErrorCode::kModelLoadFailed,
                   .message = fmt::format("{} cannot be loaded: its part {} is missing", path.string(),
                                          part.filename().string()),
                   .context = part.string()});
    HEARTH_TRY(const auto header, read_safetensors(part));
    for (const auto& tensor : header.tensors) present.emplace(tensor.name, part.filename().string());
  }
  const auto index_path = index_of(path);
  if (!index_path) return {};
  HEARTH_TRY(const auto index, read_index(*index_path));
  for (const auto& tensor : index.tensors) {
    if (!present.contains(tensor))
      return fail({.code = ErrorCode::kModelLoadFailed,
                   .message = fmt::format("{} cannot be loaded: tensor '{}' is not in {}", path.string(), tensor.first,
                                          tensor.second),
                   .context = (path.parent_path() / tensor.second).string()});
  }
  return {};
}

}  // namespace hearth::store
