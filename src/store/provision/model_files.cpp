#include "store/provision/model_files.hpp"

#include <fmt/format.h>

#include "domain/model_name.hpp"
#include "store/gguf.hpp"

namespace hearth::store::provision {

namespace fs = std::filesystem;

namespace {

Result<std::uint64_t> size_of(const fs::path& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (error) return fail(ErrorCode::kIo, fmt::format("cannot read {}: {}", path.string(), error.message()));
  return size;
}

// A name below the model's folder; of files that lie elsewhere, their own.
std::string name_of(const fs::path& path, const fs::path& folder) {
  const auto relative = path.lexically_relative(folder);
  const bool inside = !relative.empty() && *relative.begin() != "..";
  return (inside ? relative : path.filename()).generic_string();
}

// Of a model in another format than GGUF all files that its folder's manifest names.
Result<ModelFiles> files_of_folder(const Library& library, const LibraryEntry& entry) {
  const fs::path folder = library.home().models / entry.name.path();
  HEARTH_TRY(const auto manifest, Manifest::load(folder));
  if (!manifest || !manifest->has_weights())
    return fail(ErrorCode::kUnsupported,
                fmt::format("{} was not fetched by hearth: which files of {} are the model is not known", entry.id(),
                            folder.string()),
                "model");
  ModelFiles out{.id = entry.id(), .source = manifest->source, .license = manifest->license};
  for (const auto& file : manifest->files) out.files.push_back({.path = folder / file.name, .known = file});
  return out;
}

}  // namespace

Result<ModelFiles> model_files(const Library& library, std::string_view model) {
  HEARTH_TRY(const auto entry, library.find(model));
  if (entry.format != "gguf") return files_of_folder(library, entry);
  HEARTH_CHECK(check_structure(entry.path));
  HEARTH_TRY(const auto header, read_gguf(entry.path));
  HEARTH_TRY(const auto parts, gguf_parts(entry.path, header));
  HEARTH_TRY(const auto card, library.card(entry));
  const fs::path folder = library.home().models / entry.name.path();
  std::optional<Manifest> manifest;
  if (entry.origin == LibraryEntry::Origin::kFolder) {
    HEARTH_TRY(manifest, Manifest::load(folder));
  }
  ModelFiles out{.id = entry.id(), .source = manifest ? manifest->source : "", .license = card.license};
  if (manifest && !manifest->license.empty()) out.license = manifest->license;
  for (const auto& path : parts) {
    const std::string name = name_of(path, folder);
    const auto* known = manifest ? manifest->find(name) : nullptr;
    ModelFiles::File file{.path = path, .known = known != nullptr ? *known : Manifest::File{.name = name}};
    file.known.revision.clear();  // of its source, and not of the place that it goes to
    if (known == nullptr) {
      HEARTH_TRY(file.known.size, size_of(path));
    }
    if (path == entry.path) file.known.settings.merge(entry.settings);
    HEARTH_CHECK(check_file_name(name));
    out.files.push_back(std::move(file));
  }
  return out;
}

}  // namespace hearth::store::provision
