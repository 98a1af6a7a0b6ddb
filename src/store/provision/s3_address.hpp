#pragma once

#include <string>
#include <string_view>

#include "store/reference.hpp"

namespace hearth::store::provision {

// s3://bucket/prefix: where the files of a model are, or one file of it.
struct S3Address {
  std::string bucket;
  std::string prefix;  // "models/llama"; may be empty

  // REQUIRES: a reference of kind kS3.
  [[nodiscard]] static S3Address of(const Reference& reference);

  [[nodiscard]] std::string text() const;  // "s3://bucket/prefix"
  // Whether it means one .gguf file; else everything below the prefix.
  [[nodiscard]] bool is_file() const;
  // The key of a file beside the others: "models/llama/NAME".
  [[nodiscard]] std::string key(std::string_view name) const;
  // The prefix that the files are below; of a file, that of its neighbours.
  [[nodiscard]] S3Address folder() const;
  [[nodiscard]] std::string last_part() const;  // of the prefix; without one the bucket
  // The model's name here: the last part, of a file without quantisation and ending, with '-' for what no name has.
  [[nodiscard]] std::string model_name() const;
};

// "m-Q8_0-00001-of-00003.gguf" -> "m-Q8_0": what the names of all its parts begin with. A name without parts: "".
[[nodiscard]] std::string stem_of_parts(std::string_view file_name);

}  // namespace hearth::store::provision
