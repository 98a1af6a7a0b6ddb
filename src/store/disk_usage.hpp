#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "store/library.hpp"

namespace hearth::store {

struct DiskUsage {
  struct Model {
    std::string reference;  // "org/name"
    std::uint64_t size = 0;
  };
  std::uint64_t total_size = 0;  // of all files below the models folder, unfinished downloads included
  std::vector<Model> models;     // largest first; what lies elsewhere (imports, bundled ones) takes no room here
};

// Bytes of files, links not followed. An absent folder takes none. kIo.
[[nodiscard]] Result<DiskUsage> disk_usage(const Library& library);

// {total_size, models: [{reference, size}]}
[[nodiscard]] std::string to_json(const DiskUsage& usage);

}  // namespace hearth::store
