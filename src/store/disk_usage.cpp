#include "store/disk_usage.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <system_error>

#include "json/writer.hpp"

namespace hearth::store {

namespace fs = std::filesystem;

namespace {

Result<std::uint64_t> size_below(const fs::path& folder) {
  std::uint64_t out = 0;
  std::error_code error;
  if (!fs::exists(folder, error)) return out;
  for (fs::recursive_directory_iterator it(folder, fs::directory_options::skip_permission_denied, error), end;
       !error && it != end; it.increment(error)) {
    std::error_code gone;  // files may go while this looks at them
    if (it->is_symlink(gone) || !it->is_regular_file(gone)) continue;
    const auto size = it->file_size(gone);
    if (!gone) out += size;
  }
  if (error) return fail(ErrorCode::kIo, fmt::format("cannot look through {}: {}", folder.string(), error.message()));
  return out;
}

}  // namespace

Result<DiskUsage> disk_usage(const Library& library) {
  const fs::path& root = library.home().models;
  DiskUsage out;
  HEARTH_TRY(out.total_size, size_below(root));
  HEARTH_TRY(const auto entries, library.entries());
  std::map<std::string, std::uint64_t> sizes;
  for (const auto& entry : entries) {
    if (entry.origin != LibraryEntry::Origin::kFolder || sizes.contains(entry.name.path())) continue;
    std::error_code error;
    const fs::path folder = root / entry.name.path();
    const bool has_folder = fs::is_directory(folder, error);
    HEARTH_TRY(sizes[entry.name.path()],
               has_folder ? size_below(folder) : Result<std::uint64_t>(fs::file_size(entry.path, error)));
  }
  for (const auto& [name, size] : sizes) out.models.push_back({.reference = name, .size = size});
  std::ranges::sort(out.models, std::greater(), &DiskUsage::Model::size);
  return out;
}

std::string to_json(const DiskUsage& usage) {
  json::Writer w;
  w.begin_object().field("total_size", usage.total_size).key("models").begin_array();
  for (const auto& m : usage.models)
    w.begin_object().field("reference", m.reference).field("size", m.size).end_object();
  w.end_array().end_object();
  return std::move(w).take();
}

}  // namespace hearth::store
