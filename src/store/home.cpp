#include "store/home.hpp"

#include <fmt/format.h>
#include <functional>
#include <unistd.h>

#include "base/files.hpp"
#include "domain/model_name.hpp"

namespace hearth::store {

std::filesystem::path Home::model_lock(std::string_view model) const {
  return models / ".locks" / (domain::slug_of(model) + ".lock");
}

std::filesystem::path Home::run() const {
  // A socket path has at most 107 bytes, so it cannot lie below an arbitrary home.
  const std::string base = base::env_or("XDG_RUNTIME_DIR", "/tmp");
  const auto key = std::hash<std::string>{}(root.lexically_normal().string()) & 0xFFFFFFFFU;
  return std::filesystem::path(base) / fmt::format("hearth-{}-{:08x}", ::getuid(), key);
}

}  // namespace hearth::store
