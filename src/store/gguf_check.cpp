#include <algorithm>
#include <fmt/format.h>
#include <optional>
#include <string>

#include "store/gguf.hpp"
#include "store/gguf_types.hpp"
#include "store/split_name.hpp"

namespace hearth::store {
namespace {

namespace fs = std::filesystem;

std::unexpected<Error> broken(const fs::path& path, std::string_view why, std::optional<std::uint64_t> offset = {}) {
  return fail({.code = ErrorCode::kModelLoadFailed,
               .message = fmt::format("{} cannot be loaded: {}", path.string(), why),
               .context = path.string(),
               .offset = offset});
}

Result<void> check_tensors(const fs::path& path, const GgufHeader& header) {
  std::vector<const GgufTensor*> in_order;
  in_order.reserve(header.tensors.size());
  const std::uint64_t room = header.file_size - std::min(header.data_offset, header.file_size);
  for (const GgufTensor& tensor : header.tensors) {
    if (ggml_type(tensor.type) == nullptr)
      return broken(path,
                    fmt::format("tensor '{}' has type {}, which this version does not know", tensor.name, tensor.type));
    if (tensor.offset > room || tensor.bytes > room - tensor.offset)
      return broken(path,
                    fmt::format("tensor '{}' ends {} bytes after the file; it is cut off, fetch it again", tensor.name,
                                tensor.bytes - (room - std::min(room, tensor.offset))),
                    header.file_size);
    in_order.push_back(&tensor);
  }
  std::ranges::sort(in_order, {}, &GgufTensor::offset);
  for (std::size_t i = 1; i < in_order.size(); ++i) {
    if (in_order[i]->offset < in_order[i - 1]->offset + in_order[i - 1]->bytes)
      return broken(path, fmt::format("tensors '{}' and '{}' overlap", in_order[i - 1]->name, in_order[i]->name),
                    header.data_offset + in_order[i]->offset);
  }
  return {};
}

Result<void> check_parts(const std::vector<fs::path>& parts, const GgufHeader& first) {
  std::uint64_t tensors = first.tensors.size();
  for (std::size_t i = 1; i < parts.size(); ++i) {
    HEARTH_TRY(const auto part, read_gguf(parts[i]));
    HEARTH_CHECK(check_tensors(parts[i], part));
    if (part.integer("split.no").value_or(-1) != static_cast<std::int64_t>(i))
      return broken(parts[i], "it says that it is another part than its name tells");
    tensors += part.tensors.size();
  }
  const auto expected = first.integer("split.tensors.count");
  if (expected && *expected != static_cast<std::int64_t>(tensors))
    return broken(parts.front(),
                  fmt::format("its {} parts hold {} tensors instead of {}", parts.size(), tensors, *expected));
  return {};
}

}  // namespace

Result<std::vector<fs::path>> gguf_parts(const fs::path& path, const GgufHeader& header) {
  const std::int64_t count = header.integer("split.count").value_or(0);
  if (count <= 1) return std::vector{path};
  const auto name = split_name(path);
  if (!name || name->extension != ".gguf" || name->count != count)
    return broken(
        path, fmt::format("it is a part of a model in {} files, so its name must end in -00001-of-{:05d}.gguf", count,
                          count));
  if (name->number != 1)
    return broken(path,
                  fmt::format("it is not the first part; load {}", (path.parent_path() / name->part(1)).string()));
  std::vector<fs::path> parts;
  for (std::int64_t i = 1; i <= count; ++i) parts.push_back(path.parent_path() / name->part(i));
  return parts;
}

Result<void> check_structure(const fs::path& path) {
  HEARTH_TRY(const auto header, read_gguf(path));
  HEARTH_CHECK(check_tensors(path, header));
  if (header.architecture().empty()) return broken(path, "it does not name its architecture");
  HEARTH_TRY(const auto parts, gguf_parts(path, header));
  for (const fs::path& part : parts) {
    std::error_code error;
    if (!fs::is_regular_file(part, error))
      return broken(path, fmt::format("its part {} is missing", part.filename().string()));
  }
  return check_parts(parts, header);
}

}  // namespace hearth::store
