#include "store/foreign_folders.hpp"

#include "base/files.hpp"

namespace hearth::store {

namespace fs = std::filesystem;

ForeignFolders foreign_folders(const std::function<std::string(const char*)>& variable, const fs::path& user) {
  const auto folder = [&](const char* name, const fs::path& otherwise) {
    const std::string text = variable(name);
    return text.empty() ? otherwise : base::expand_user(text);
  };
  ForeignFolders out;
  const auto caches = folder("XDG_CACHE_HOME", user / ".cache");
  const auto hub = folder("HF_HOME", caches / "huggingface") / "hub";
  out.hub = {folder("HF_HUB_CACHE", folder("HUGGINGFACE_HUB_CACHE", hub))};
  if (const std::string named = variable("OLLAMA_MODELS"); !named.empty())
    out.ollama = {base::expand_user(named)};
  else
    out.ollama = {user / ".ollama/models", "/usr/share/ollama/.ollama/models"};  // the second of the system's service
  out.lm_studio = {user / ".lmstudio/models", user / ".cache/lm-studio/models"};
  return out;
}

}  // namespace hearth::store
