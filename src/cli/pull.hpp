#pragma once

#include <string>

#include "base/result.hpp"
#include "cli/context.hpp"
#include "json/reader.hpp"

namespace hearth::cli {

// Fetches a model, here or (with --server) there, with progress on stderr; Ctrl-C stops it (kCancelled). Gives {name,
// source, revision, path, format, quantization, reason, size, up_to_date, ...}. `folder`: where its files go instead of
// the store, here only.
[[nodiscard]] Result<json::Value> pull_model(const Context& context, const std::string& reference,
                                             const std::string& folder = "");

}  // namespace hearth::cli
