#pragma once

#include <string>

#include "cli/context.hpp"
#include "domain/model_settings.hpp"
#include "json/reader.hpp"

namespace hearth::cli {

// Model management, on $HEARTH_HOME in this process, or through a server's routes when one was named with --server.
// Both give the same JSON (see docs/http.md, /hearth/v1/models).
class ModelSource {
 public:
  explicit ModelSource(const Context& context) : context_(context) {}

  [[nodiscard]] Result<json::Value> list() const;  // array of models
  [[nodiscard]] Result<json::Value> info(const std::string& name) const;
  [[nodiscard]] Result<json::Value> import(const std::string& path, const std::string& name) const;
  [[nodiscard]] Result<void> remove(const std::string& name) const;
  // `from`: a model, or the absolute path of a GGUF file.
  [[nodiscard]] Result<void> create(const std::string& name, const std::string& from,
                                    const domain::ModelSettings& settings) const;
  [[nodiscard]] Result<void> copy(const std::string& from, const std::string& to) const;

 private:
  const Context& context_;
};

}  // namespace hearth::cli
