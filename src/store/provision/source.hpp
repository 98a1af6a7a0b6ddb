#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "domain/model_settings.hpp"
#include "store/fetch/digest.hpp"
#include "store/reference.hpp"

namespace hearth::store::provision {

// A file as a source publishes it.
struct PublishedFile {
  std::string name;                   // relative, '/' between folders; not yet checked
  std::optional<std::uint64_t> size;  // bytes, where the source tells
  fetch::Digest digest;
  std::string url{};
  domain::ModelSettings settings{};  // of weights that are published with them
  std::string etag{};                // changes with the content, where no digest is published
  friend bool operator==(const PublishedFile&, const PublishedFile&) = default;
};

// Bytes of all whose size is known; UINT64_MAX where they are more than any disk has.
[[nodiscard]] inline std::uint64_t total(const std::vector<PublishedFile>& files) {
  std::uint64_t out = 0;
  for (const auto& file : files) {
    const auto size = file.size.value_or(0);
    out = size > UINT64_MAX - out ? UINT64_MAX : out + size;
  }
  return out;
}

// What a source has under one name.
struct Publication {
  std::string source;    // as a reference without revision and selector: "hf:org/name"
  std::string folder;    // where it belongs below the models folder: "org/name"
  std::string revision;  // what the content is pinned by; "" where the source has no such thing
  std::string license;
  std::string page;  // where a person can see it, and be let in
  std::vector<PublishedFile> files;
  std::vector<std::string> headers;  // for the origins of the files' URLs
  bool complete = false;             // the files belong together: nothing is to be chosen
  std::vector<std::string> notes;    // what of it was left out, and why
};

// Which of them to fetch.
struct Choice {
  std::string format;        // "gguf", "openvino", "safetensors"
  std::string quantization;  // of GGUF: "Q4_K_M"; empty where there is one only
  std::string reason;        // for people: why this and no other
  std::vector<PublishedFile> files;
};

// A place where models are published. Blocks. Thread-safe.
class Source {
 public:
  virtual ~Source() = default;
  // What a reference of its kind means. kModelNotFound, kUnauthorized, kForbidden, kUnavailable: as it says.
  [[nodiscard]] virtual Result<Publication> look_up(const Reference& reference, std::stop_token stop) const = 0;
};

}  // namespace hearth::store::provision
