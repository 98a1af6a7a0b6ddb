#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace hearth::store {

// "name-00001-of-00003.gguf": how the parts of a model in several files are called.
struct SplitName {
  std::string prefix;       // "name"
  std::int64_t number = 0;  // from 1
  std::int64_t count = 0;
  std::string extension{};  // ".gguf"
  // The file name of a part: "name-00002-of-00003.gguf".
  [[nodiscard]] std::string part(std::int64_t wanted) const;
};
// Of a file; nothing if it is not called so.
[[nodiscard]] std::optional<SplitName> split_name(const std::filesystem::path& path);
// Of a name without its extension: "name-00001-of-00003".
[[nodiscard]] std::optional<SplitName> split_stem(std::string_view stem);

}  // namespace hearth::store
