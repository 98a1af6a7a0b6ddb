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
