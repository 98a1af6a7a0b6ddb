#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "domain/model_settings.hpp"
#include "store/fetch/net.hpp"
#include "store/ollama_manifest.hpp"
#include "store/provision/source.hpp"

namespace hearth::store::provision {

// The parts of `Bearer realm="...",service="...",scope="..."` as the address to get a token from; empty if it is none.
// Source: RFC 6750, and the distribution registry's token protocol.
[[nodiscard]] std::string token_address(std::string_view challenge);

struct OllamaRegistryOptions {
  std::string endpoint = "https://registry.ollama.ai";  // pull.ollama_registry
  fetch::Net net;
};

// Models of Ollama's registry, or a server that speaks its protocol (GET /v2/NAMESPACE/MODEL/manifests/TAG, /blobs/
// DIGEST). The GGUF file gets the name MODEL@TAG.gguf, and with it the model its tag; template, system prompt,
// parameters, messages and licence go into the settings. Blocks. Thread-safe.
class OllamaRegistry final : public Source {
 public:
  explicit OllamaRegistry(OllamaRegistryOptions options) : options_(std::move(options)) {}
  [[nodiscard]] Result<Publication> look_up(const Reference& reference, std::stop_token stop) const override;

 private:
  struct Place;
  [[nodiscard]] Result<fetch::Answer> ask(Place& place, const std::string& path, const std::stop_token& stop) const;
  [[nodiscard]] Result<std::string> token(const std::string& address, const std::stop_token& stop) const;
  [[nodiscard]] Result<std::string> small_blob(Place& place, const OllamaManifest::Layer& layer,
                                               const std::stop_token& stop) const;
  [[nodiscard]] Result<std::string> renderer(Place& place, const OllamaManifest& manifest,
                                             const std::stop_token& stop) const;
  // `notes`: what was left out.
  [[nodiscard]] Result<domain::ModelSettings> settings(Place& place, const OllamaManifest& manifest,
                                                       const std::stop_token& stop,
                                                       std::vector<std::string>& notes) const;
  OllamaRegistryOptions options_;
};

}  // namespace hearth::store::provision
