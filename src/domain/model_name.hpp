#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace hearth::domain {

// `[org/]name[:tag]`, compared case-insensitively; no tag = latest; `x` and `x:latest` are one model.
class ModelName {
 public:
  // kInvalidRequest for an empty name, control characters, an empty part, parts of more than 128 bytes or
  // 512 in all, or a second ':'.
  [[nodiscard]] static Result<ModelName> parse(std::string_view text);

  [[nodiscard]] const std::string& path() const { return path_; }  // "org/name" as written
  [[nodiscard]] const std::string& tag() const { return tag_; }    // "latest" when none was given
  [[nodiscard]] std::string full() const { return path_ + ":" + tag_; }
  // "org/name" for latest, else with the tag.
  [[nodiscard]] std::string display() const { return tag_ == "latest" ? path_ : full(); }
  // Lower case, with tag: equal keys = the same model.
  [[nodiscard]] std::string key() const;
  friend bool operator==(const ModelName& a, const ModelName& b) { return a.key() == b.key(); }

 private:
  ModelName(std::string path, std::string tag) : path_(std::move(path)), tag_(std::move(tag)) {}
  std::string path_;
  std::string tag_;
};

// Folder and registry key of a name: lower case, `/` -> `--`, `:` -> `-`, others outside [a-z0-9._-] -> `-`.
[[nodiscard]] std::string slug_of(std::string_view name);

}  // namespace hearth::domain
