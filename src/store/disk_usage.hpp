#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "store/library.hpp"

namespace hearth::store {

struct DiskUsage {
  struct Model {
    std::string reference;  // "org/name"
    std::uint64_t size = 0;
    std::string source{};              // it was fetched from; empty = nothing could fetch it again
    bool unfinished = false;           // only what a download has left
    std::vector<std::string> names{};  // what to delete it by, in all
    [[nodiscard]] bool is_download() const { return unfinished || !source.empty(); }
  };
  std::uint64_t total_size = 0;  // of all files below the models folder, unfinished downloads included
  std::vector<Model> models;     // largest first; what lies elsewhere (imports, bundled ones) takes no room here
};

// Bytes of files, links not followed. An absent folder takes none. kIo.
[[nodiscard]] Result<DiskUsage> disk_usage(const Library& library);

// {total_size, models: [{reference, size, source?, unfinished?, names?}]}; `names` where those are not the reference
// alone
[[nodiscard]] std::string to_json(const DiskUsage& usage);
// The same read back. kInvalidRequest.
[[nodiscard]] Result<DiskUsage> disk_usage_from_json(std::string_view text);

}  // namespace hearth::store
