#pragma once

#include <cstdint>
#include <string_view>

#include "store/gguf.hpp"

namespace hearth::store {

// `needs_more`: the header goes on after `bytes`; try again with more of the file. `header` has what could be read.
struct GgufParse {
  bool needs_more = false;
  Result<GgufHeader> header;
};
[[nodiscard]] GgufParse parse_gguf_prefix(std::string_view bytes, std::uint64_t file_size, std::string_view name);

}  // namespace hearth::store
