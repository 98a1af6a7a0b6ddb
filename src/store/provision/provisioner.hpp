#pragma once

#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "store/fetch/download.hpp"
#include "store/home.hpp"
#include "store/manifest.hpp"
#include "store/memory_estimate.hpp"
#include "store/provision/choose.hpp"
#include "store/provision/hub.hpp"
#include "store/provision/ollama_registry.hpp"
#include "store/provision/s3_source.hpp"
#include "store/provision/web_file.hpp"
#include "store/reference.hpp"

namespace hearth::store::provision {

struct PullProgress {
  enum class Phase {
    kResolving,  // asking the source
    kChecking,   // hashing files that are there already
    kWaiting,    // another process is fetching the same model; the bytes are its
    kDownloading,
  };
  Phase phase = Phase::kResolving;
  std::string choice;                // what was chosen and why, once that is known
  std::vector<PublishedFile> files;  // that are being fetched, in the order of bytes.files
  fetch::Progress bytes;
};

[[nodiscard]] std::string_view to_string(PullProgress::Phase phase);  // "downloading"

struct PullOptions {
  std::vector<std::string> preference;                   // of quantisations
  base::Bytes memory_budget;                             // 0 = no limit
  std::filesystem::path folder;                          // where its files go; empty = their place in the store
  LoadShape shape;                                       // how the model will be loaded, for the estimate
  std::function<void(const PullProgress&)> on_progress;  // on the calling thread
  std::stop_token stop;
};

struct Pulled {
  std::string source;  // "hf:org/name"
  std::string revision;
  std::filesystem::path folder;
  std::filesystem::path weights;  // the first weight file
  std::string format;
  std::string quantization;
  std::string reason;
  std::uint64_t size = 0;
  bool up_to_date = false;  // nothing had to be fetched
};

// {name, source, revision, model_dir, path, format, quantization, reason, size, up_to_date}; `name`: its id in the
// library.
[[nodiscard]] std::string to_json(const Pulled& pulled, std::string_view name);

// What a source has now, against what is here.
struct Changes {
  std::string revision;            // of the source
  std::vector<std::string> files;  // new or changed there
  std::uint64_t size = 0;          // bytes of those, as far as the source tells
  [[nodiscard]] bool up_to_date() const { return files.empty(); }
};

struct ProvisionerOptions {
  Home home;
  HubOptions hub;
  OllamaRegistryOptions ollama;
  S3Options s3;
  bool offline = false;  // HF_HUB_OFFLINE: never ask a source
  fetch::DownloadOptions download;
};

// Brings models from where they are published into $HEARTH_HOME/models, and keeps their manifests. Blocks; thread-safe;
// several processes may work on one home: each model has one writer at a time, the others wait and see its progress.
class Provisioner {
 public:
  Provisioner(ProvisionerOptions options, const base::Clock& clock, base::Log& log)
      : options_(std::move(options)),
        clock_(clock),
        log_(log),
        hub_(options_.hub),
        ollama_(options_.ollama),
        web_(options_.hub.net),
        s3_client_(options_.s3, clock_),
        s3_(s3_client_) {}
  Provisioner(const Provisioner&) = delete;
  Provisioner& operator=(const Provisioner&) = delete;

  // Fetches what `reference` means, or says that it is there. Errors: as Source::look_up, choose and fetch::download;
  // kCancelled keeps what has come.
  [[nodiscard]] Result<Pulled> pull(const Reference& reference, const PullOptions& options) const;
  // Whether pull would fetch anything. Writes nothing. Errors: as pull; kUnavailable offline.
  [[nodiscard]] Result<Changes> check(const Reference& reference, const PullOptions& options) const;

 private:
  // A reference as the catalogue reads it, with the names of files to choose from.
  struct Wish {
    Reference reference;
    std::string pattern;
  };
  [[nodiscard]] Result<Wish> resolve(const Reference& reference) const;
  [[nodiscard]] Result<const Source*> source_of(const Reference& reference) const;
  [[nodiscard]] Result<void> check_is_free(const Publication& published, const Choice& choice,
                                           const Reference& reference) const;
  [[nodiscard]] Result<std::optional<Pulled>> bundled(const Reference& asked) const;
  [[nodiscard]] Result<Pulled> what_is_here(const Reference& reference) const;
  [[nodiscard]] Result<Choice> choose_from(const Publication& published, const Wish& wish,
                                           const PullOptions& options) const;
  [[nodiscard]] std::optional<base::Bytes> peek_memory(const Publication& published, const PublishedFile& file,
                                                       const PullOptions& options) const;
  [[nodiscard]] Result<bool> fetch_missing(const Publication& published, const Choice& choice,
                                           const Reference& reference, const PullOptions& options) const;
  [[nodiscard]] Result<void> show_again(const Publication& published) const;
  [[nodiscard]] std::filesystem::path folder_of(const Publication& published, const PullOptions& options) const {
    return options.folder.empty() ? options_.home.models / published.folder : options.folder;
  }

  ProvisionerOptions options_;
  const base::Clock& clock_;
  base::Log& log_;
  Hub hub_;
  OllamaRegistry ollama_;
  WebFile web_;
  S3Client s3_client_;
  S3Source s3_;
};

}  // namespace hearth::store::provision
