#include "hearth/provisioner.hpp"

#include <fmt/format.h>
#include <map>
#include <system_error>
#include <utility>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/strings.hpp"
#include "sdk/home.hpp"
#include "sdk/provisioner_settings.hpp"
#include "store/disk_usage.hpp"
#include "store/installed.hpp"
#include "store/library.hpp"
#include "store/model_info.hpp"
#include "store/provision/verify.hpp"

namespace hearth {

namespace fs = std::filesystem;
namespace provision = store::provision;

namespace {

class CallbackLog final : public base::Log {
 public:
  explicit CallbackLog(std::function<void(const std::string&)> tell) : tell_(std::move(tell)) {}
  [[nodiscard]] bool enabled(base::LogLevel level) const override { return tell_ && level >= base::LogLevel::kWarn; }
  void write(base::LogLevel, std::string_view line) override { tell_(std::string(line)); }

 private:
  std::function<void(const std::string&)> tell_;
};

Result<config::Settings> settings_of(const ProvisionerOptions& options) {
  config::Settings::Sources sources{
      .file = config::default_config_file(), .environment = config::process_environment, .flags = {}};
  if (!options.home.empty()) sources.flags["home"] = {options.home.string()};
  if (!options.models.empty()) sources.flags["cache.dir"] = {options.models.string()};
  if (!options.quantizations.empty()) sources.flags["pull.quantizations"] = options.quantizations;
  if (options.connections) sources.flags["pull.connections"] = {std::to_string(*options.connections)};
  return config::Settings::load(sources);
}

// The folder alone: no imports, no bundled models; what must be noted lies hidden in it.
store::Home only_folder(store::Home home, const fs::path& given) {
  std::error_code error;
  const fs::path folder = fs::absolute(given, error);
  return {.root = folder / ".hearth",
          .models = folder,
          .bundled = {},
          .catalog = home.catalog.empty() ? home.bundled / "catalog.yaml" : home.catalog};
}

Result<store::Reference> with_provider(const std::string& text, const std::string& provider) {
  static const std::map<std::string, std::string> kPrefixes{
      {"", ""}, {"huggingface", "hf:"}, {"hf", "hf:"}, {"ollama", "ollama:"}, {"s3", "s3://"}, {"https", "https://"}};
  const auto prefix = kPrefixes.find(base::to_lower(provider));
  if (prefix == kPrefixes.end())
    return fail(ErrorCode::kInvalidRequest,
                fmt::format("provider '{}' is not known; there are huggingface, ollama, s3, https", provider),
                "provider");
  return store::parse_reference(text.starts_with(prefix->second) ? text : prefix->second + text);
}

LocalModel local_model(const domain::ModelCard& card) {
  return {.name = card.name,
          .path = card.path,
          .format = card.format,
          .size = card.size_bytes,
          .task = std::string(domain::task_name(card.tasks)),
          .quantization = card.quantization};
}

VerifiedModel verified_model(provision::Verified verified) {
  VerifiedModel out{.reference = std::move(verified.reference),
                    .ok = verified.problems.empty(),
                    .digests_known = verified.digests_known,
                    .problems = {}};
  for (auto& problem : verified.problems)
    out.problems.push_back({.file = problem.file, .offset = problem.offset, .what = std::move(problem.what)});
  return out;
}

CatalogEntry catalog_entry(const store::CatalogModel& model) {
  CatalogEntry out{.name = model.name,
                   .aliases = model.aliases,
                   .repo = {},
                   .tags = {},
                   .task = model.task,
                   .license = {},
                   .description = model.description};
  for (const auto& tag : model.tags) {
    out.tags.push_back(tag.tag);
    if (tag.tag != model.latest) continue;
    out.repo = tag.repo;
    out.license = tag.license;
  }
  return out;
}

}  // namespace

// Settings that cannot be read are told by every call: a constructor cannot.
class ModelProvisioner::State {
 public:
  State(const ProvisionerOptions& options, bool folder_only)
      : log_(options.on_warning), settings_(settings_of(options)) {
    if (!settings_) return;
    const auto home = sdk::home_of(*settings_);
    parts_ = std::make_unique<Parts>(folder_only ? only_folder(home, options.models) : home, *settings_, clock_, log_);
  }

  struct Parts {
    Parts(const store::Home& home, const config::Settings& settings, const base::Clock& clock, base::Log& log)
        : library(home, log),
          provisioner(sdk::provisioner_options(settings, home), clock, log),
          pull(sdk::pull_options(settings)) {}
    store::Library library;
    provision::Provisioner provisioner;
    provision::PullOptions pull;
  };
  [[nodiscard]] Result<Parts*> parts() const {
    if (!settings_) return std::unexpected(settings_.error());
    return parts_.get();
  }

 private:
  base::SystemClock clock_;
  mutable CallbackLog log_;
  Result<config::Settings> settings_;
  std::unique_ptr<Parts> parts_;
};

ModelProvisioner::ModelProvisioner() : ModelProvisioner(ProvisionerOptions{}) {}
ModelProvisioner::ModelProvisioner(fs::path base_dir)
    : state_(std::make_shared<State>(ProvisionerOptions{.home = {}, .models = std::move(base_dir)}, true)) {}
ModelProvisioner::ModelProvisioner(const ProvisionerOptions& options)
    : state_(std::make_shared<State>(options, false)) {}
ModelProvisioner::ModelProvisioner(std::shared_ptr<const State> state) : state_(std::move(state)) {}
ModelProvisioner::ModelProvisioner(ModelProvisioner&&) noexcept = default;
ModelProvisioner& ModelProvisioner::operator=(ModelProvisioner&&) noexcept = default;
ModelProvisioner::~ModelProvisioner() = default;

Result<std::vector<LocalModel>> ModelProvisioner::list_models() const {
  HEARTH_TRY(const auto* const parts, state_->parts());
  HEARTH_TRY(const auto entries, parts->library.entries());
  std::vector<LocalModel> out;
  for (const auto& entry : entries) {
    // A file that cannot be read as what its name says is there all the same.
    if (const auto card = parts->library.card(entry))
      out.push_back(local_model(*card));
    else
      out.push_back({.name = entry.id(), .path = entry.path, .format = entry.format});
  }
  return out;
}

Result<DownloadedModel> ModelProvisioner::download_model(const std::string& reference, const std::string& provider,
                                                         const DownloadOptions& options) const {
  HEARTH_TRY(const auto* const parts, state_->parts());
  HEARTH_TRY(const auto parsed, with_provider(reference, provider));
  auto how = parts->pull;
  how.stop = options.stop;
  if (options.on_progress) {
    how.on_progress = [&](const provision::PullProgress& progress) {
      options.on_progress({.phase = std::string(to_string(progress.phase)),
                           .choice = progress.choice,
                           .total = progress.bytes.total,
                           .completed = progress.bytes.present,
                           .verified = progress.bytes.verified,
                           .trouble = progress.bytes.trouble});
    };
  }
  HEARTH_TRY(auto pulled, parts->provisioner.pull(parsed, how));
  return DownloadedModel{.name = parts->library.id_of(pulled.weights),
                         .path = pulled.weights,
                         .model_dir = pulled.folder,
                         .source = std::move(pulled.source),
                         .revision = std::move(pulled.revision),
                         .format = std::move(pulled.format),
                         .quantization = std::move(pulled.quantization),
                         .reason = std::move(pulled.reason),
                         .size = pulled.size,
                         .up_to_date = pulled.up_to_date};
}

Result<std::vector<DownloadedModel>> ModelProvisioner::download_models(const std::vector<std::string>& references,
                                                                       const DownloadOptions& options) const {
  std::vector<DownloadedModel> out;
  for (const auto& reference : references) {
    HEARTH_TRY(auto one, download_model(reference, "", options));
    out.push_back(std::move(one));
  }
  return out;
}

Result<ModelInfo> ModelProvisioner::get_model_info(const std::string& reference) const {
  HEARTH_TRY(const auto* const parts, state_->parts());
  HEARTH_TRY(const auto entry, parts->library.find(reference));
  HEARTH_TRY(auto info, store::model_info(parts->library, entry));
  auto& card = info.card;
  ModelInfo out{.reference = card.name,
                .model_dir = std::move(info.model_dir),
                .total_size = info.total_size,
                .file_count = info.file_count,
                .gguf_files = std::move(info.gguf_files),
                .path = card.path,
                .format = card.format,
                .architecture = card.architecture,
                .parameters = card.parameters,
                .quantization = card.quantization,
                .context_length = card.context_tokens,
                .embedding_length = card.embedding_dimensions,
                .license = card.license,
                .chat_template = card.chat_template,
                .capabilities = {},
                .source = std::move(info.source),
                .revision = std::move(info.revision)};
  for (const auto task : domain::all_tasks()) {
    if (card.tasks.has(task)) out.capabilities.emplace_back(domain::to_string(task));
  }
  return out;
}

Result<VerifiedModel> ModelProvisioner::verify_model(const std::string& reference, const VerifyOptions& options) const {
  HEARTH_TRY(auto verified, verify_models({reference}, options));
  return std::move(verified.front());
}

Result<std::vector<VerifiedModel>> ModelProvisioner::verify_models(const std::vector<std::string>& references,
                                                                   const VerifyOptions& options) const {
  HEARTH_TRY(const auto* const parts, state_->parts());
  HEARTH_TRY(const auto entries, parts->library.entries(references));
  HEARTH_TRY(auto verified,
             provision::verify(parts->library, entries, {.on_progress = options.on_progress, .stop = options.stop}));
  std::vector<VerifiedModel> out;
  for (auto& one : verified) out.push_back(verified_model(std::move(one)));
  return out;
}

Result<void> ModelProvisioner::delete_model(const std::string& reference) const {
  HEARTH_TRY(auto* const parts, state_->parts());
  return parts->library.remove(reference);
}

Result<std::uint64_t> ModelProvisioner::get_total_disk_usage() const {
  HEARTH_TRY(const auto* const parts, state_->parts());
  HEARTH_TRY(const auto usage, store::disk_usage(parts->library));
  return usage.total_size;
}

Result<fs::path> ModelProvisioner::find_local_model(const std::string& reference) const {
  HEARTH_TRY(const auto* const parts, state_->parts());
  HEARTH_TRY(auto entry, parts->library.find(reference));
  return std::move(entry.path);
}

Result<std::uint64_t> ModelProvisioner::get_model_size(const fs::path& file) const {
  std::error_code error;
  const auto size = fs::file_size(file, error);
  if (error) return fail(ErrorCode::kIo, fmt::format("cannot tell the size of {}: {}", file.string(), error.message()));
  return size;
}

Result<std::vector<CatalogEntry>> ModelProvisioner::catalog() const { return search(""); }

Result<std::vector<CatalogEntry>> ModelProvisioner::search(const std::string& query, const std::string& tag) const {
  HEARTH_TRY(const auto* const parts, state_->parts());
  HEARTH_TRY(const auto catalog, store::Catalog::load(parts->library.home().catalogs()));
  std::vector<CatalogEntry> out;
  for (const auto* const model : catalog.search(query, tag)) out.push_back(catalog_entry(*model));
  return out;
}

Result<std::vector<ModelUpdate>> ModelProvisioner::check_updates(const std::vector<std::string>& references,
                                                                 std::stop_token stop) const {
  HEARTH_TRY(const auto* const parts, state_->parts());
  HEARTH_TRY(const auto entries, parts->library.entries(references));
  HEARTH_TRY(const auto models, store::installed(parts->library, entries));
  auto how = parts->pull;
  how.stop = std::move(stop);
  std::vector<ModelUpdate> out;
  for (const auto& model : models) {
    auto changes = parts->provisioner.check(model.reference, how);
    ModelUpdate update{.name = model.id, .reference = to_text(model.reference)};
    if (changes) {
      update.revision = std::move(changes->revision);
      update.files = std::move(changes->files);
      update.size = changes->size;
    } else if (changes.error().code == ErrorCode::kCancelled) {
      return std::unexpected(std::move(changes).error());
    } else {
      update.problem = changes.error().message;
    }
    out.push_back(std::move(update));
  }
  return out;
}

// The futures keep what they work with: they may outlive the provisioner.
std::future<Result<DownloadedModel>> ModelProvisioner::download_model_async(std::string reference, std::string provider,
                                                                            DownloadOptions options) const {
  return std::async(std::launch::async,
                    [self = ModelProvisioner(state_), reference = std::move(reference), provider = std::move(provider),
                     options = std::move(options)] { return self.download_model(reference, provider, options); });
}

std::future<Result<VerifiedModel>> ModelProvisioner::verify_model_async(std::string reference,
                                                                        VerifyOptions options) const {
  return std::async(std::launch::async,
                    [self = ModelProvisioner(state_), reference = std::move(reference), options = std::move(options)] {
                      return self.verify_model(reference, options);
                    });
}

std::future<Result<std::vector<ModelUpdate>>> ModelProvisioner::check_updates_async(std::vector<std::string> references,
                                                                                    std::stop_token stop) const {
  return std::async(std::launch::async, [self = ModelProvisioner(state_), references = std::move(references),
                                         stop = std::move(stop)] { return self.check_updates(references, stop); });
}

}  // namespace hearth
