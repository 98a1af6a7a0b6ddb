#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "domain/model_settings.hpp"

namespace hearth::store {

// A Modelfile taken apart (docs/store.md has the grammar).
struct Modelfile {
  std::string from;  // a model or a path, as written
  domain::ModelSettings settings;
  std::vector<std::string> without_effect;  // instructions and parameters that hearth has no use for, as written

  // kInvalidRequest names the line and what is wrong there; kUnsupported: ADAPTER, DRAFT.
  [[nodiscard]] static Result<Modelfile> parse(std::string_view text);
};

// The Modelfile that makes this model again.
[[nodiscard]] std::string modelfile_text(std::string_view from, const domain::ModelSettings& settings);

}  // namespace hearth::store
