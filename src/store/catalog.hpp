#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace hearth::store {

// One size or variant of a well-known model, and where it is published.
struct CatalogTag {
  std::string tag;           // "1b"
  std::string repo;          // on the Hugging Face hub: "org/name"
  std::string files;         // name of its files with {quant} in it; empty = whatever GGUF files the repository has
  std::string parameters;    // "1.24B"
  std::int32_t context = 0;  // trained, tokens
  std::string license;
};

// A well-known model under its short name.
struct CatalogModel {
  std::string name;
  std::vector<std::string> aliases;
  std::string task;  // "text-generation", "feature-extraction"
  std::string description;
  std::string latest;  // the tag that no tag means
  std::vector<CatalogTag> tags;
};

// What a short name means.
struct CatalogMatch {
  std::string name;  // "llama3.2:3b"
  CatalogTag tag;
  std::string quantization;  // "q4_K_M" where the name has one; empty = chosen
};

// catalog.yaml: short names of well-known models, as people know them from elsewhere (docs/store.md). A file of the
// user's extends it; a model of the same name there replaces ours.
class Catalog {
 public:
  // Files that are absent are empty. kInvalidRequest names the file, the line and what is wrong.
  [[nodiscard]] static Result<Catalog> load(const std::vector<std::filesystem::path>& files);
  [[nodiscard]] static Result<Catalog> parse(std::string_view text, std::string_view name);

  [[nodiscard]] const std::vector<CatalogModel>& models() const { return models_; }
  // By name or alias; nullptr if there is none.
  [[nodiscard]] const CatalogModel* model(std::string_view name) const;
  // "llama3.2", "llama3.2:1b", "llama3.2:1b-instruct-q4_K_M", "llama3.2:q8_0"; without regard to case.
  [[nodiscard]] std::optional<CatalogMatch> find(std::string_view name) const;
  // Every word of `query` somewhere in name, alias, repository or description; `tag` "1b", a task, or empty.
  [[nodiscard]] std::vector<const CatalogModel*> search(std::string_view query, std::string_view tag) const;

 private:
  std::vector<CatalogModel> models_;
};

// [{name, aliases, task, description, repo, parameters, context, license, tags: [{tag, repo, ...}]}], `repo` and what
// follows being those of the tag that no tag means.
[[nodiscard]] std::string to_json(const std::vector<const CatalogModel*>& models);

}  // namespace hearth::store
