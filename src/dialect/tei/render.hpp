#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/dialect.hpp"

// The renderers of this folder. Private to this folder.
namespace hearth::dialect::tei {

inline constexpr std::string_view kEmpty = "cannot be empty";  // the end of messages that have a status of their own

[[nodiscard]] std::unique_ptr<Renderer> embed_renderer();
// `texts`: to be returned; none = they are not.
[[nodiscard]] std::unique_ptr<Renderer> rerank_renderer(std::vector<std::string> texts);
// `batch`: a list per input.
[[nodiscard]] std::unique_ptr<Renderer> predict_renderer(bool batch);

}  // namespace hearth::dialect::tei
