#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "store/library.hpp"
#include "store/manifest.hpp"
#include "store/reference.hpp"

namespace hearth::store {

// A model that came from a source, and what would fetch it again.
struct Installed {
  std::string id;
  Reference reference;
};

// By the manifest of the model's folder, `file` being its weights there. Nothing for what was made here.
[[nodiscard]] std::optional<Reference> reference_of(const Manifest& manifest, const Manifest::File& file,
                                                    const LibraryEntry& entry);
// The same, with the manifest read. Nothing for imports, bundled models and what was made here.
// kIo, kInvalidRequest: the manifest cannot be read.
[[nodiscard]] Result<std::optional<Reference>> reference_of(const Library& library, const LibraryEntry& entry);

// Those of `entries` that have a source.
[[nodiscard]] Result<std::vector<Installed>> installed(const Library& library,
                                                       const std::vector<LibraryEntry>& entries);

}  // namespace hearth::store
