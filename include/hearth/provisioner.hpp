#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "hearth/error.hpp"

namespace hearth {

// A model that is here. Sizes in bytes.
struct LocalModel {
  std::string name;            // its id: "org/name", "org/name:q8_0"
  std::filesystem::path path;  // its .gguf file (of a split one the first), .xml of an OpenVINO IR or .safetensors
  std::string format;          // "gguf", "openvino", "safetensors"
  std::uint64_t size = 0;      // of its weights
  std::string task;            // "text-generation", "feature-extraction", ...; empty if unknown
  std::string quantization;    // "Q4_K_M", "int4_asym", "BF16"
};

// All that a model's files tell. What they do not tell is empty or 0.
struct ModelInfo {
  std::string reference;  // its id
  std::filesystem::path model_dir;
  std::uint64_t total_size = 0;                   // of all files of model_dir; of an import only its own
  std::size_t file_count = 0;                     // that these are
  std::vector<std::filesystem::path> gguf_files;  // among them
  std::filesystem::path path;                     // as LocalModel::path
  std::string format;
  std::string architecture;  // "llama"
  std::uint64_t parameters = 0;
  std::string quantization;
  std::int32_t context_length = 0;  // trained, tokens
  std::int32_t embedding_length = 0;
  std::string license;
  std::string chat_template;
  std::vector<std::string> capabilities;  // "chat", "complete", "embed", ...
  std::string source;                     // where it was fetched from: "hf:org/name"
  std::string revision;                   // and at which commit
};

struct ModelProblem {
  std::filesystem::path file;
  std::optional<std::uint64_t> offset;  // bytes, where the problem has a place
  std::string what;
};
struct VerifiedModel {
  std::string reference;
  bool ok = false;
  bool digests_known = false;  // false: only the structure could be checked
  std::vector<ModelProblem> problems;
};

struct DownloadProgress {
  std::string phase;            // "resolving", "checking", "waiting" (for another process), "downloading"
  std::string choice;           // what was chosen and why, once that is known
  std::uint64_t total = 0;      // bytes
  std::uint64_t completed = 0;  // of them here, those of earlier attempts included
  std::uint64_t verified = 0;   // of them hashed
  std::string trouble;          // what is being retried; empty if all goes well
};
struct DownloadedModel {
  std::string name;  // its id
  std::filesystem::path path;
  std::filesystem::path model_dir;
  std::string source;
  std::string revision;
  std::string format;
  std::string quantization;
  std::string reason;  // why this quantisation and no other
  std::uint64_t size = 0;
  bool up_to_date = false;  // nothing had to be fetched
};

// A model of the catalogue of short names.
struct CatalogEntry {
  std::string name;
  std::vector<std::string> aliases;
  std::string repo;  // on the Hugging Face hub, of the size that is meant without a tag
  std::vector<std::string> tags;
  std::string task;
  std::string license;
  std::string description;
};

struct ModelUpdate {
  std::string name;
  std::string reference;           // what pull would fetch
  std::string revision;            // of the source now
  std::vector<std::string> files;  // changed there; none = up to date
  std::uint64_t size = 0;          // of those
  std::string problem;             // why its source could not be asked; empty = it was
};

struct DownloadOptions {
  std::function<void(const DownloadProgress&)> on_progress;  // on the thread that downloads; a few times a second
  std::stop_token stop;                                      // what has come is kept for the next attempt
};
struct VerifyOptions {
  std::function<void(std::uint64_t done, std::uint64_t total)> on_progress;  // bytes hashed
  std::stop_token stop;
};

// What is left empty comes from the user's settings, as with the command line: file, then environment.
struct ProvisionerOptions {
  std::filesystem::path home;                          // where registry.json is: $HEARTH_HOME
  std::filesystem::path models;                        // the folder with the models: $HEARTH_CACHE_DIR, home/models
  std::vector<std::string> quantizations;              // best first
  std::optional<int> connections;                      // that a download uses at once
  std::function<void(const std::string&)> on_warning;  // about entries and folders that are skipped
};

// Finds, fetches, checks, describes and removes models: what `hearth pull` and `hearth models` do. Thread-safe; several
// processes may work on one folder. Calls block; those that can take long have a form that does not, whose future's
// destructor waits: stop it with its token. A reference is [org/]name[:quantisation], as docs/store.md has it; its case
// does not matter.
class ModelProvisioner {
 public:
  // The user's own models, as `hearth models` sees them.
  ModelProvisioner();
  // Those of one folder and nothing else. It need not exist.
  explicit ModelProvisioner(std::filesystem::path base_dir);
  explicit ModelProvisioner(const ProvisionerOptions& options);
  ModelProvisioner(ModelProvisioner&&) noexcept;
  ModelProvisioner& operator=(ModelProvisioner&&) noexcept;
  ~ModelProvisioner();

  // Sorted by name; empty where there is no folder. kIo.
  [[nodiscard]] Result<std::vector<LocalModel>> list_models() const;
  // `provider`: "huggingface", "ollama", "s3", "https", or empty: as the reference says. kModelNotFound, kUnauthorized,
  // kForbidden, kUnavailable, kInsufficientMemory, kIo (disk full), kCancelled.
  [[nodiscard]] Result<DownloadedModel> download_model(const std::string& reference, const std::string& provider = "",
                                                       const DownloadOptions& options = {}) const;
  // One after the other; the first error ends it.
  [[nodiscard]] Result<std::vector<DownloadedModel>> download_models(const std::vector<std::string>& references,
                                                                     const DownloadOptions& options = {}) const;
  // kModelNotFound; kModelLoadFailed: a header is broken.
  [[nodiscard]] Result<ModelInfo> get_model_info(const std::string& reference) const;
  // Structure, missing parts, digests. kModelNotFound: also where a folder has no .gguf file and no other weights.
  [[nodiscard]] Result<VerifiedModel> verify_model(const std::string& reference,
                                                   const VerifyOptions& options = {}) const;
  // Several, side by side; none named: all there are.
  [[nodiscard]] Result<std::vector<VerifiedModel>> verify_models(const std::vector<std::string>& references = {},
                                                                 const VerifyOptions& options = {}) const;
  // Files and all; of an import only the entry. kModelNotFound.
  [[nodiscard]] Result<void> delete_model(const std::string& reference) const;
  // Bytes of all files of the models folder, unfinished downloads included.
  [[nodiscard]] Result<std::uint64_t> get_total_disk_usage() const;
  // Its weights (LocalModel::path); of several files the preferred one. kModelNotFound.
  [[nodiscard]] Result<std::filesystem::path> find_local_model(const std::string& reference) const;
  // Of one file, in bytes. kIo.
  [[nodiscard]] Result<std::uint64_t> get_model_size(const std::filesystem::path& file) const;
  [[nodiscard]] Result<std::vector<CatalogEntry>> catalog() const;
  // Every word of `query` somewhere in name, alias, repository or description; `tag`: a size, a task, or empty.
  [[nodiscard]] Result<std::vector<CatalogEntry>> search(const std::string& query, const std::string& tag = "") const;
  // What the sources of these models (none named: of all) have that is not here. Fetches nothing. kModelNotFound: a
  // model that is named is not here; kCancelled.
  [[nodiscard]] Result<std::vector<ModelUpdate>> check_updates(const std::vector<std::string>& references = {},
                                                               std::stop_token stop = {}) const;

  [[nodiscard]] std::future<Result<DownloadedModel>> download_model_async(std::string reference,
                                                                          std::string provider = "",
                                                                          DownloadOptions options = {}) const;
  [[nodiscard]] std::future<Result<VerifiedModel>> verify_model_async(std::string reference,
                                                                      VerifyOptions options = {}) const;
  [[nodiscard]] std::future<Result<std::vector<ModelUpdate>>> check_updates_async(
      std::vector<std::string> references = {}, std::stop_token stop = {}) const;

 private:
  class State;
  explicit ModelProvisioner(std::shared_ptr<const State> state);
  std::shared_ptr<const State> state_;  // shared with calls in flight
};

}  // namespace hearth
