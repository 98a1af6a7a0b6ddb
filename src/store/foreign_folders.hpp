#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace hearth::store {

// Where other programs keep the models that they fetched. hearth reads them there and never writes. Folders that are
// not there are no matter.
struct ForeignFolders {
  std::vector<std::filesystem::path> hub;        // of the Hugging Face hub's clients
  std::vector<std::filesystem::path> ollama;     // with manifests/ and blobs/
  std::vector<std::filesystem::path> lm_studio;  // publisher/repository/x.gguf
  [[nodiscard]] bool empty() const { return hub.empty() && ollama.empty() && lm_studio.empty(); }
};

// Where those programs look themselves. `variable` gives an environment variable, "" if it is not set; `user` is the
// user's home.
[[nodiscard]] ForeignFolders foreign_folders(const std::function<std::string(const char*)>& variable,
                                             const std::filesystem::path& user);

}  // namespace hearth::store
