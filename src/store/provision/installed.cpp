#include "store/provision/installed.hpp"

#include "store/manifest.hpp"

namespace hearth::store::provision {

Result<std::vector<Installed>> installed(const Library& library, const std::vector<LibraryEntry>& entries) {
  std::vector<Installed> out;
  for (const auto& entry : entries) {
    if (entry.origin != LibraryEntry::Origin::kFolder) continue;
    const auto folder = library.home().models / entry.name.path();
    HEARTH_TRY(const auto manifest, Manifest::load(folder));
    const auto* file = manifest ? manifest->find(entry.path.lexically_relative(folder).generic_string()) : nullptr;
    auto reference = file != nullptr ? parse_reference(manifest->source) : Result<Reference>(Reference{});
    if (!reference) continue;  // made here
    switch (reference->kind) {
      case Reference::Kind::kHub:
        reference->revision = manifest->revision;
        reference->selector = entry.path.filename().string();
        break;
      case Reference::Kind::kOllama: reference->selector = entry.name.tag(); break;
      case Reference::Kind::kS3: reference->selector = entry.path.filename().string(); break;
      case Reference::Kind::kUrl: break;
      case Reference::Kind::kName:
      case Reference::Kind::kFile: continue;
    }
    out.push_back({.id = entry.id(), .reference = *std::move(reference)});
  }
  return out;
}

}  // namespace hearth::store::provision
