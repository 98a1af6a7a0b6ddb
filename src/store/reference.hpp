#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "domain/model_name.hpp"

namespace hearth::store {

// What somebody wrote to mean a model, taken apart. Nothing is looked up.
struct Reference {
  enum class Kind {
    kName,    // an id, an alias, a catalogue name or a hub repository: what there is decides
    kHub,     // hf:[org/]name[@revision][:selector]
    kOllama,  // ollama:[namespace/]name[:tag]
    kUrl,     // https://... , http://...
    kS3,      // s3://bucket[/prefix][:selector]
    kFile,    // a path, or file:PATH
  };
  Kind kind = Kind::kName;
  std::string name;      // "org/name"; the URL, without slashes at the end for s3; the path
  std::string revision;  // branch, tag or commit; empty = the default one
  std::string selector;  // quantisation, file or tag after the ':'; empty = chosen
  friend bool operator==(const Reference&, const Reference&) = default;
};

// kInvalidRequest says what is wrong and how references look.
[[nodiscard]] Result<Reference> parse_reference(std::string_view text);
// A name that somebody gives to a model: one that commands do not take for something else. kInvalidRequest.
[[nodiscard]] Result<domain::ModelName> parse_new_name(std::string_view text);
// As a person would write it: parse_reference(to_text(r)) == r.
[[nodiscard]] std::string to_text(const Reference& reference);

}  // namespace hearth::store
