#include "store/installed.hpp"

namespace hearth::store {

std::optional<Reference> reference_of(const Manifest& manifest, const Manifest::File& file, const LibraryEntry& entry) {
  auto reference = parse_reference(manifest.source);
  if (!reference) return std::nullopt;         // made here
  const bool chosen = entry.format == "gguf";  // of other formats there is one
  switch (reference->kind) {
    case Reference::Kind::kHub:
      reference->revision = file.asked;
      if (chosen) reference->selector = file.name;
      break;
    case Reference::Kind::kOllama: reference->selector = entry.name.tag(); break;
    case Reference::Kind::kS3:
      if (chosen) reference->selector = entry.path.filename().string();
      break;
    case Reference::Kind::kUrl: break;
    case Reference::Kind::kName:
    case Reference::Kind::kFile: return std::nullopt;
  }
  return *std::move(reference);
}

Result<std::optional<Reference>> reference_of(const Library& library, const LibraryEntry& entry) {
  if (entry.origin != LibraryEntry::Origin::kFolder) return std::nullopt;
  const auto folder = library.home().models / entry.name.path();
  HEARTH_TRY(const auto manifest, Manifest::load(folder));
  const auto* const file = manifest ? manifest->find(entry.path.lexically_relative(folder).generic_string()) : nullptr;
  return file == nullptr ? std::nullopt : reference_of(*manifest, *file, entry);
}

Result<std::vector<Installed>> installed(const Library& library, const std::vector<LibraryEntry>& entries) {
  std::vector<Installed> out;
  for (const auto& entry : entries) {
    HEARTH_TRY(auto reference, reference_of(library, entry));
    if (reference) out.push_back({.id = entry.id(), .reference = *std::move(reference)});
  }
  return out;
}

}  // namespace hearth::store
