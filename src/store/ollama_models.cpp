#include "store/ollama_models.hpp"

#include <fmt/format.h>
#include <functional>
#include <optional>
#include <string>

#include "base/files.hpp"
#include "base/strings.hpp"
#include "domain/template_language.hpp"
#include "store/ollama_manifest.hpp"

namespace hearth::store {

namespace fs = std::filesystem;

namespace {

constexpr base::Bytes kManifestMax{kOllamaManifestBytesMax};

// "registry.ollama.ai/library/x" is "x" for everybody.
std::string name_of(const std::string& host, const std::string& owner, const std::string& model) {
  if (host != "registry.ollama.ai") return fmt::format("{}/{}/{}", host, owner, model);
  return owner == "library" ? model : fmt::format("{}/{}", owner, model);
}

fs::path blob(const fs::path& root, const fetch::Digest& digest) { return root / "blobs" / ("sha256-" + digest.hex); }

Result<OllamaManifest> read_manifest(const fs::path& file) {
  HEARTH_TRY(const std::string text, base::read_file(file, kManifestMax));
  return OllamaManifest::parse(text);
}

// The weights that a manifest names; nothing, and why, if there are none to use.
Result<fs::path> weights_of(const fs::path& root, const fs::path& manifest) {
  HEARTH_TRY(const auto read, read_manifest(manifest));
  HEARTH_TRY(const auto layer, read.weights());
  auto file = blob(root, layer.digest);
  const auto stamp = stamp_of(file.string());
  if (!stamp || stamp->kind != FileStamp::Kind::kFile)
    return fail(ErrorCode::kIo, fmt::format("its weights {} are not there", file.string()));
  return file;
}

}  // namespace

std::vector<FoundFile> scan_ollama(const fs::path& root, FolderCache& folders, std::string_view only) {
  std::vector<FoundFile> out;
  const auto each = [&](const std::string& folder, const std::function<void(const std::string&)>& visit) {
    const auto list = folders.list(folder);
    for (const auto& name : list->names) visit(name.text);
  };
  const std::string manifests = (root / "manifests").string();
  each(manifests, [&](const std::string& host) {
    each(manifests + "/" + host, [&](const std::string& owner) {
      const std::string models = manifests + "/" + host + "/" + owner;
      each(models, [&](const std::string& model) {
        const std::string name = name_of(host, owner, model);
        if (!only.empty() && !base::equals_ignore_case(name, only)) return;
        each(models + "/" + model, [&](const std::string& tag) {
          const std::string manifest = models + "/" + model + "/" + tag;
          auto weights = weights_of(root, manifest);
          if (weights)
            out.push_back({.model = name, .tag = tag, .path = weights->string(), .manifest = manifest});
          else
            folders.trouble(manifest, weights.error().message);
        });
      });
    });
  });
  return out;
}

domain::ModelSettings ollama_settings(const fs::path& manifest) {
  domain::ModelSettings out;
  const auto read = read_manifest(manifest);
  if (!read) return out;
  // manifests/HOST/NAMESPACE/NAME/TAG
  const auto root = manifest.parent_path().parent_path().parent_path().parent_path().parent_path();
  std::size_t left = kOllamaSettingsBytesMax;
  for (const auto& layer : read->layers) {
    if (!holds_settings(layer.kind)) continue;
    const auto content = base::read_file(blob(root, layer.digest), base::Bytes{left});
    if (!content) continue;
    left -= content->size();
    (void)add_layer(layer.kind, *content, out);  // what is left out is Ollama's to tell
  }
  if (domain::is_go_template(out.chat_template) && read->config) {
    const auto config = base::read_file(blob(root, read->config->digest), base::Bytes{kOllamaSettingsBytesMax});
    if (config && !renderer_in(*config).empty()) out.chat_template.clear();
  }
  return out;
}

}  // namespace hearth::store
