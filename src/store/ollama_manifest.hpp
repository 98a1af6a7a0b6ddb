#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "domain/model_settings.hpp"
#include "store/fetch/digest.hpp"

namespace hearth::store {

// A manifest of Ollama: what one tag of a model is made of.
struct OllamaManifest {
  struct Layer {
    std::string kind;  // "model", "template", "params", ...: the end of its media type
    fetch::Digest digest;
    std::uint64_t size = 0;  // bytes
  };
  std::vector<Layer> layers;
  std::optional<Layer> config;

  // kBackendError: not a manifest.
  [[nodiscard]] static Result<OllamaManifest> parse(std::string_view text);
  // The layer with the weights. kUnsupported: hearth cannot use them; the message goes on after the model's name.
  [[nodiscard]] Result<Layer> weights() const;
};

// Whether a layer of that kind says how its model is to be used.
[[nodiscard]] bool holds_settings(std::string_view kind);
// Adds what a small layer says. What hearth does not know of it is left out. An error says why the whole layer is.
[[nodiscard]] Result<void> add_layer(std::string_view kind, const std::string& content,
                                     domain::ModelSettings& settings);
// What a config says of the code of Ollama's that writes this model's prompts; a template beside it is a stand-in.
// Empty: none.
[[nodiscard]] std::string renderer_in(std::string_view config);

// More than settings of any sane model take, all layers together.
inline constexpr std::size_t kOllamaSettingsBytesMax = 4 << 20;
inline constexpr std::size_t kOllamaManifestBytesMax = 4 << 20;

}  // namespace hearth::store
