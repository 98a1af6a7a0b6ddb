#include "apps/hearth/paths.hpp"

#include <system_error>

#include "base/files.hpp"

namespace hearth::apps {

namespace fs = std::filesystem;

fs::path this_program() {
  std::error_code error;
  const auto path = fs::read_symlink("/proc/self/exe", error);
  return error ? fs::path("hearth") : path;
}

store::Home home_of(const config::Settings& settings) {
  store::Home home;
  const auto& root = settings.text("home");
  home.root = root.empty() ? config::default_home() : base::expand_user(root);
  const auto& cache = settings.text("cache.dir");
  home.models = cache.empty() ? home.root / "models" : base::expand_user(cache);
  const fs::path folder = this_program().parent_path();
  std::error_code error;
  for (const auto& candidate : {folder / "../share/hearth/models", fs::path(HEARTH_SOURCE_MODELS)}) {
    if (fs::is_directory(candidate, error)) {
      home.bundled = fs::weakly_canonical(candidate, error);
      break;
    }
  }
  return home;
}

fs::path runner_program(const config::Settings& settings) {
  const auto& folder = settings.text("binary.dir");
  if (!folder.empty()) return base::expand_user(folder) / "hearth-runner";
  const fs::path here = this_program().parent_path();
  std::error_code error;
  for (const auto& candidate : {here / "hearth-runner", here / "../libexec/hearth/hearth-runner"}) {
    if (fs::exists(candidate, error)) return fs::weakly_canonical(candidate, error);
  }
  return here / "hearth-runner";
}

}  // namespace hearth::apps
