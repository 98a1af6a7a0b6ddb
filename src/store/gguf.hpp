#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.hpp"

namespace hearth::store {

// Value types of a GGUF header. Source: the GGUF specification, versions 2 and 3.
enum class GgufType : std::uint32_t {
  kUint8 = 0,
  kInt8 = 1,
  kUint16 = 2,
  kInt16 = 3,
  kUint32 = 4,
  kInt32 = 5,
  kFloat32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kUint64 = 10,
  kInt64 = 11,
  kFloat64 = 12,
};

using GgufScalar = std::variant<std::uint64_t, std::int64_t, double, bool, std::string>;
// Long arrays (vocabularies) are counted, not kept: `values` is empty then.
struct GgufArray {
  GgufType type = GgufType::kUint8;
  std::uint64_t count = 0;
  std::vector<GgufScalar> values;
};
using GgufValue = std::variant<GgufScalar, GgufArray>;

struct GgufTensor {
  std::string name;
  std::uint32_t type = 0;            // ggml's number
  std::vector<std::uint64_t> shape;  // as stored: the row length first
  std::uint64_t elements = 0;
  std::uint64_t offset = 0;  // from GgufHeader::data_offset
  std::uint64_t bytes = 0;   // 0 for a type that is not known
};

// The header of one GGUF file. A plain value.
struct GgufHeader {
  std::uint32_t version = 0;
  std::uint32_t alignment = 32;
  std::uint64_t data_offset = 0;  // where tensor data begins
  std::uint64_t file_size = 0;
  std::vector<std::pair<std::string, GgufValue>> metadata;  // in file order, keys unique
  std::vector<GgufTensor> tensors;
  std::uint8_t infill_marks = 0;  // of InfillMark, those that are texts of the vocabulary

  [[nodiscard]] const GgufValue* find(std::string_view key) const;
  [[nodiscard]] std::string_view text(std::string_view key) const;  // empty if absent or no string
  // Of integers and bools; of an array the largest element.
  [[nodiscard]] std::optional<std::int64_t> integer(std::string_view key) const;
  [[nodiscard]] std::optional<bool> boolean(std::string_view key) const;
  // Every element of an array of integers, or the one value.
  [[nodiscard]] std::vector<std::int64_t> integers(std::string_view key) const;
  // general.architecture, and keys below it: integer(arch_key("context_length")).
  [[nodiscard]] std::string_view architecture() const { return text("general.architecture"); }
  [[nodiscard]] std::string arch_key(std::string_view name) const;
};

// Reads the header of a file; never trusts a count or an offset in it. Tensor data is not touched.
// kIo: cannot be read; kModelLoadFailed: not GGUF or broken; the message names file, offset and reason.
[[nodiscard]] Result<GgufHeader> read_gguf(const std::filesystem::path& path);

// The same from memory: `bytes` are the beginning of a file of `file_size` bytes; `name` is for messages.
[[nodiscard]] Result<GgufHeader> parse_gguf(std::string_view bytes, std::uint64_t file_size, std::string_view name);

// Whether a file can be given to llama.cpp, which aborts its process on some broken files: tensor types are known,
// tensors lie within the file in order and without overlap, and of a split model ("name-00001-of-00003.gguf") every
// part is there and fits the others. kModelLoadFailed names file and reason. Costs a read of the headers; call it
// before every load.
[[nodiscard]] Result<void> check_structure(const std::filesystem::path& path);

// The parts of a split model in order, `path` alone for any other file. kModelLoadFailed: `path` is not the first part.
[[nodiscard]] Result<std::vector<std::filesystem::path>> gguf_parts(const std::filesystem::path& path,
                                                                    const GgufHeader& header);

}  // namespace hearth::store
