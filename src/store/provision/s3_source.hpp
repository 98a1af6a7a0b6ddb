#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "store/manifest.hpp"
#include "store/provision/s3_client.hpp"
#include "store/provision/s3_xml.hpp"
#include "store/provision/source.hpp"

namespace hearth::store::provision {

// Models in buckets: everything below a prefix, or one .gguf file with all its parts. A hearth.json there, as `hearth
// push` leaves it, says which files belong to the model and what they must be; without one sizes are known only.
// Addresses of files are signed, so that ranges and retries need no keys. Blocks. Thread-safe.
class S3Source final : public Source {
 public:
  explicit S3Source(const S3Client& client) : client_(client) {}  // outlives this
  [[nodiscard]] Result<Publication> look_up(const Reference& reference, std::stop_token stop) const override;

 private:
  [[nodiscard]] Result<std::vector<S3Object>> list(const S3Address& address, const std::stop_token& stop) const;
  [[nodiscard]] Result<std::vector<PublishedFile>> files_of(const S3Address& address,
                                                            const std::stop_token& stop) const;
  const S3Client& client_;
};

// hearth.json beside the files of an address; nothing if there is none.
[[nodiscard]] Result<std::optional<Manifest>> read_s3_manifest(const S3Client& client, const S3Address& address,
                                                               std::stop_token stop);

// What of `objects` (keys relative to the model's prefix) may belong to the model there: no folders, nothing of models
// that lie deeper (with a hearth.json of their own). Those models' folders go to `deeper`.
[[nodiscard]] std::vector<PublishedFile> s3_files(const std::vector<S3Object>& objects,
                                                  std::vector<std::string>& deeper);

}  // namespace hearth::store::provision
