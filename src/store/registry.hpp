#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "domain/model_settings.hpp"
#include "json/reader.hpp"

namespace hearth::store {

// One entry of registry.json.
struct RegistryEntry {
  std::string name;    // id as shown; from the slug where a foreign entry has none
  std::string path;    // absolute; a weight file or a folder
  std::string format;  // "gguf"
  std::string task;    // "text-generation", "feature-extraction"
  std::string source;  // "import", "copy", "create"
  domain::ModelSettings settings{};
};

// registry.json: {"version": 1, "models": {slug: {path, task, ...}}, "hidden": [names]}. Fields that hearth does not
// know are kept as they are. Invalid entries are skipped, kept and named in `warnings`. Several processes may use it:
// update() takes a lock file.
class Registry {
 public:
  // An absent file is an empty registry. kIo / kInvalidRequest name the file.
  [[nodiscard]] static Result<Registry> load(const std::filesystem::path& file);
  // Reads, lets `change` work on it, writes atomically, all under the lock.
  [[nodiscard]] static Result<void> update(const std::filesystem::path& file,
                                           const std::function<Result<void>(Registry&)>& change);

  [[nodiscard]] const std::map<std::string, RegistryEntry>& models() const { return models_; }
  [[nodiscard]] const std::vector<std::string>& hidden() const { return hidden_; }
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }

  void put(const RegistryEntry& entry);  // under slug_of(name), "-2" and so on where another model has that slug
  bool remove(std::string_view name);    // by name, case-insensitively
  void set_hidden(std::string_view name, bool hidden);

 private:
  [[nodiscard]] Result<void> read_entries();
  void read_entry(const std::string& slug, const json::Value& value);
  [[nodiscard]] std::string text() const;

  json::Value document_;
  std::map<std::string, RegistryEntry> models_;
  std::vector<std::string> hidden_;
  std::vector<std::string> warnings_;
};

}  // namespace hearth::store
