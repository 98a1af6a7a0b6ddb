#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "store/fetch/digest.hpp"

namespace hearth::store::provision {

// A file as a source publishes it.
struct PublishedFile {
  std::string name;  // relative, '/' between folders; not yet checked
  std::uint64_t size = 0;
  fetch::Digest digest;
  friend bool operator==(const PublishedFile&, const PublishedFile&) = default;
};

// What a source has under one name.
struct Publication {
  std::string source;    // as a reference without revision and selector: "hf:org/name"
  std::string revision;  // what the content is pinned by; "" where the source has no such thing
  std::string license;
  std::vector<PublishedFile> files;
};

// Which of them to fetch.
struct Choice {
  std::string format;        // "gguf", "openvino", "safetensors"
  std::string quantization;  // of GGUF: "Q4_K_M"; empty where there is one only
  std::string reason;        // for people: why this and no other
  std::vector<PublishedFile> files;
};

}  // namespace hearth::store::provision
