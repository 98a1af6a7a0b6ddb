#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "store/library.hpp"
#include "store/reference.hpp"

namespace hearth::store::provision {

// A model that came from a source, and what would fetch it again.
struct Installed {
  std::string id;
  Reference reference;
};

// Those of `entries` that a manifest says the source of; imports, bundled models and what was made here have none.
// kIo, kInvalidRequest: a manifest cannot be read.
[[nodiscard]] Result<std::vector<Installed>> installed(const Library& library,
                                                       const std::vector<LibraryEntry>& entries);

}  // namespace hearth::store::provision
