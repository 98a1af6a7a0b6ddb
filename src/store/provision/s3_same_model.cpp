#include "store/provision/s3_same_model.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <string>
#include <utility>

#include "base/strings.hpp"
#include "store/scan.hpp"
#include "store/split_name.hpp"

namespace hearth::store::provision {

namespace {

bool is_weights(const Manifest::File& file) {
  Manifest alone;
  alone.put(file);
  return alone.has_weights();
}

// What the names of all quantisations of a model have in common: "m.gguf" of "Q8_0/m-Q8_0-00001-of-00002.gguf".
std::string common_name(const std::string& name) {
  const std::filesystem::path path(name);
  const auto split = split_name(path);
  std::string stem;
  (void)quantization_in(split ? std::filesystem::path(split->prefix).filename().string() : path.stem().string(), &stem);
  return base::to_lower(stem + path.extension().string());
}

// Of the address of a weight file that of its neighbours.
std::string_view folder_of(std::string_view source) {
  return base::ends_with_ignore_case(source, ".gguf") ? source.substr(0, source.rfind('/')) : source;
}

}  // namespace

Result<void> check_same_model(const ModelFiles& model, const Manifest& there, const S3Address& to) {
  const auto weights = std::ranges::find_if(there.files, is_weights);
  if (weights == there.files.end() || model.files.empty()) return {};
  if (model.source == there.source || model.source == to.text()) return {};
  const bool by_name =
      model.source.empty() || there.source == to.text() || folder_of(model.source) == folder_of(there.source);
  for (const auto& [path, known] : model.files) {
    for (const auto& other : there.files) {
      if (!is_weights(other)) continue;
      if (known.digest.known() && known.digest == other.digest) return {};
      if (by_name && common_name(known.name) == common_name(other.name)) return {};
    }
  }
  return fail(ErrorCode::kConflict,
              fmt::format("{} holds {} already ({}), which {} ({}) is not; push {} to another prefix", to.text(),
                          there.source == to.text() ? "another model" : base::one_line(there.source), weights->name,
                          model.id, model.files.front().known.name, model.id),
              "model");
}

}  // namespace hearth::store::provision
