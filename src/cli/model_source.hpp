#pragma once

#include <string>
#include <string_view>

#include "cli/context.hpp"
#include "domain/model_settings.hpp"
#include "json/reader.hpp"

namespace hearth::cli {

// A text field of an object; empty if there is none.
[[nodiscard]] std::string text_in(const json::Value& object, std::string_view key);

// Model management, on $HEARTH_HOME in this process, or through a server's routes when one was named with --server.
// Both give the same JSON (see docs/http.md, /hearth/v1/models).
class ModelSource {
 public:
  explicit ModelSource(const Context& context) : context_(context) {}

  // An array of models as JSON; `all`: those of other programs too.
  [[nodiscard]] Result<std::string> list(bool all) const;
  [[nodiscard]] Result<json::Value> info(const std::string& name) const;
  [[nodiscard]] Result<json::Value> import(const std::string& path, const std::string& name) const;
  [[nodiscard]] Result<void> remove(const std::string& name) const;
  // `from`: a model, or the absolute path of a GGUF file.
  [[nodiscard]] Result<void> create(const std::string& name, const std::string& from,
                                    const domain::ModelSettings& settings) const;
  // The same with the weights as another type ("q4_K_M"): work for a server, here or there, with progress on stderr;
  // Ctrl-C stops it (kCancelled).
  [[nodiscard]] Result<void> create_quantized(const std::string& name, const std::string& from,
                                              const domain::ModelSettings& settings, const std::string& type) const;
  [[nodiscard]] Result<void> copy(const std::string& from, const std::string& to) const;

 private:
  const Context& context_;
};

}  // namespace hearth::cli
