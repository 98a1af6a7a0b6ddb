#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "store/provision/model_files.hpp"
#include "store/provision/s3_upload.hpp"

namespace hearth::store::provision {

struct PushProgress {
  enum class Phase {
    kHashing,  // a file is read whose digest is not known
    kUploading,
  };
  Phase phase = Phase::kUploading;
  std::string file;         // name there
  std::uint64_t total = 0;  // bytes, of all files; of the one that is hashed
  std::uint64_t done = 0;   // of those; what was there already counts
  std::string trouble;      // the last failure that is tried again; empty = none
};

struct PushOptions {
  S3UploadOptions upload;                                // on_progress and stop are set here
  std::function<void(const PushProgress&)> on_progress;  // on the calling thread
  std::stop_token stop;
};

struct Pushed {
  struct File {
    std::string name;
    std::uint64_t size = 0;  // bytes
    fetch::Digest digest;
    bool was_there = false;
  };
  std::string name;         // id here
  std::string destination;  // "s3://bucket/prefix"
  std::vector<File> files;
  bool up_to_date = false;  // nothing had to be uploaded
};

// {name, destination, files: [{name, size, digest, uploaded}], size, uploaded_size, up_to_date}
[[nodiscard]] std::string to_json(const Pushed& pushed);

// Uploads what is not at `to` yet with the same size and digest, and last a hearth.json that names it: whoever pulls
// finds a complete model or none. Other quantisations that the hearth.json there names stay. Blocks. Errors:
// as upload_to_s3; kInvalidRequest: `to` is no prefix; kBackendError: a file here is not what its manifest says;
// kConflict: another model is there.
[[nodiscard]] Result<Pushed> push_to_s3(const S3Client& client, const ModelFiles& model, const S3Address& to,
                                        const base::Clock& clock, const PushOptions& options);

}  // namespace hearth::store::provision
