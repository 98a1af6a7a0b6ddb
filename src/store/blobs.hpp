#pragma once

#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "domain/model_settings.hpp"
#include "store/fetch/digest.hpp"
#include "store/home.hpp"

namespace hearth::store {

// Files that clients upload to make models of, by their digest, in $HEARTH_HOME/models/.blobs. One that no model was
// made of within a day goes with the next upload.
[[nodiscard]] std::filesystem::path blobs_folder(const Home& home);
// "sha256:...". kInvalidRequest: not such a digest.
[[nodiscard]] Result<fetch::Digest> blob_digest(std::string_view text);
[[nodiscard]] std::filesystem::path blob_path(const Home& home, const fetch::Digest& digest);

// One upload: written to a file of its own and hashed while it comes; gone unless it is finished. One thread at a time.
class BlobUpload {
 public:
  // Also makes room: see above. kIo.
  [[nodiscard]] static Result<BlobUpload> begin(const Home& home, const fetch::Digest& expected);
  BlobUpload(BlobUpload&&) = default;
  BlobUpload& operator=(BlobUpload&&) = delete;
  ~BlobUpload();

  [[nodiscard]] Result<void> add(std::string_view bytes);
  // kInvalidRequest: not the content that was announced.
  [[nodiscard]] Result<void> finish();

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  BlobUpload(std::filesystem::path target, std::filesystem::path scratch, std::FILE* file, fetch::Digest expected);

  std::filesystem::path target_;
  std::filesystem::path scratch_;
  std::unique_ptr<std::FILE, Close> file_;
  fetch::Digest expected_;
  fetch::Hasher hasher_;
};

// A model of its own folder from blobs: `files` are the names of GGUF files (all parts of a split one) with their
// digests. The blobs move into it; one that was made before under that name is replaced. kNotFound: a blob is not here;
// kInvalidRequest: not GGUF.
[[nodiscard]] Result<void> create_from_blobs(const Home& home, std::string_view name,
                                             const std::map<std::string, fetch::Digest>& files,
                                             const domain::ModelSettings& settings, std::string_view now);

}  // namespace hearth::store
