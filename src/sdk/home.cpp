#include "sdk/home.hpp"

#include <filesystem>
#include <system_error>

#include "base/files.hpp"

namespace hearth::sdk {

namespace fs = std::filesystem;

store::Home home_of(const config::Settings& settings) {
  store::Home home;
  const auto& root = settings.text("home");
  std::error_code error;
  home.root = fs::absolute(root.empty() ? config::default_home() : base::expand_user(root), error);
  const auto& cache = settings.text("cache.dir");
  home.models = cache.empty() ? home.root / "models" : fs::absolute(base::expand_user(cache), error);
  if (settings.flag("store.caches"))
    home.foreign = store::foreign_folders(
        [](const char* name) { return config::process_environment(name).value_or(""); }, base::home_folder());
  const fs::path folder = fs::read_symlink("/proc/self/exe", error).parent_path();
  for (const auto& candidate : {folder / "../share/hearth/models", fs::path(HEARTH_SOURCE_MODELS)}) {
    if (fs::is_directory(candidate, error)) {
      home.bundled = fs::weakly_canonical(candidate, error);
      break;
    }
  }
  return home;
}

}  // namespace hearth::sdk
