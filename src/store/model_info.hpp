#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "domain/model_card.hpp"
#include "store/library.hpp"

namespace hearth::store {

// A model with what lies around its weights.
struct ModelInfo {
  domain::ModelCard card;
  std::filesystem::path model_dir;
  std::uint64_t total_size = 0;                   // bytes of all files below model_dir; of an import of its own only
  std::size_t file_count = 0;                     // that these are
  std::vector<std::filesystem::path> gguf_files;  // among them, sorted
  std::string source;                             // by the manifest; empty = none
  std::string revision;                           // the commit that the weights were fetched at
  std::string pull_reference;                     // what fetches it again; empty = nothing does
};

// Errors: as Library::card.
[[nodiscard]] Result<ModelInfo> model_info(const Library& library, const LibraryEntry& entry);

// {name, path, reference, format, size, ..., model_dir, total_size, file_count, gguf_files, source, revision,
// pull_reference, license, embedding_dimensions, chat_template, settings, metadata}: docs/http.md.
[[nodiscard]] std::string to_json(const ModelInfo& info);

}  // namespace hearth::store
