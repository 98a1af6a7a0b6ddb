#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "domain/model_settings.hpp"
#include "store/fetch/digest.hpp"

namespace hearth::store {

// hearth.json in a model's folder: where its files came from and what they must be. Format: docs/store.md.
struct Manifest {
  struct File {
    std::string name;  // relative to the folder
    std::uint64_t size = 0;
    fetch::Digest digest;
    std::string revision;              // the commit it was fetched at
    std::string asked{};               // the revision that was asked for; empty: the default one
    std::string etag{};                // as the source gave it, where it published no digest
    domain::ModelSettings settings{};  // of weights that were published with them
    bool broken = false;               // verify found other content there; a pull fetches it again
    friend bool operator==(const File&, const File&) = default;
  };
  std::string source;    // "hf:org/name"
  std::string revision;  // asked for last; File::asked of files that do not say
  std::string license;
  std::string fetched_at;  // RFC 3339
  std::vector<File> files;

  [[nodiscard]] const File* find(std::string_view name) const;
  // Whether any of its files are weights.
  [[nodiscard]] bool has_weights() const;
  // Adds or replaces.
  void put(File file);

  // Nothing if the folder has none; kIo, kInvalidRequest name the file.
  [[nodiscard]] static Result<std::optional<Manifest>> load(const std::filesystem::path& folder);
  [[nodiscard]] static Result<Manifest> parse(std::string_view text);
  [[nodiscard]] Result<void> save(const std::filesystem::path& folder) const;
  [[nodiscard]] std::string text() const;
};

inline constexpr const char* kManifestName = "hearth.json";

// Whether a published file name can be a file below a folder, and which: relative, every part a plain name of at most
// 240 bytes, none of ours ("hearth.json", "*.partial"). kForbidden says what is wrong.
[[nodiscard]] Result<void> check_file_name(std::string_view name);

}  // namespace hearth::store
