#include "store/provision/s3_same_model.hpp"

#include <gtest/gtest.h>

namespace hearth::store::provision {
namespace {

fetch::Digest digest(char digit) { return {fetch::Digest::Kind::kSha256, std::string(64, digit)}; }

TEST(S3SameModel, WhatMayBePushedToWhereAModelIs) {
  struct {
    const char* there;       // its source
    const char* there_file;  // with the digest 'a'
    const char* here;        // the source; empty = made here
    const char* here_file;
    char here_digest;  // 0 = not known
    bool fine;
  } const cases[] = {
      // another source
      {"hf:org/a", "m-Q8_0.gguf", "hf:org/b", "m-Q8_0.gguf", 'b', false},
      {"hf:org/a", "m-Q8_0.gguf", "hf:org/b", "n-Q8_0.gguf", 'b', false},
      {"hf:org/a", "model.safetensors", "hf:org/b", "model.safetensors", 'b', false},
      {"hf:org/a", "m-Q8_0.gguf", "s3://other/m", "m-Q8_0.gguf", 'a', true},  // the same weights, from a mirror
      {"hf:org/a", "config.json", "hf:org/b", "m-Q8_0.gguf", 'b', true},      // no model there
      // the same source
      {"hf:org/a", "m-Q8_0.gguf", "hf:org/a", "m-Q8_0.gguf", 'b', true},
      {"hf:org/a", "m-Q8_0.gguf", "hf:org/a", "m-Q4_0.gguf", 'b', true},
      {"hf:org/a", "m-Q8_0.gguf", "s3://b/x", "m-Q8_0.gguf", 'a', true},  // it was fetched from here
      {"https://host/m/m-Q8_0.gguf", "m-Q8_0.gguf", "https://host/m/m-Q4_0.gguf", "m-Q4_0.gguf", 'b', true},
      {"https://host/m/m-Q8_0.gguf", "m-Q8_0.gguf", "https://host/m/n-Q8_0.gguf", "n-Q8_0.gguf", 'b', false},
      // made here, or there
      {"hf:org/a", "m-Q8_0.gguf", "", "m-Q4_0.gguf", 0, true},
      {"hf:org/a", "m-Q8_0.gguf", "", "n-Q8_0.gguf", 0, false},
      {"s3://b/x", "m-Q8_0.gguf", "", "M-Q8_0.gguf", 0, true},
      {"s3://b/x", "Q8_0/m-Q8_0-00001-of-00002.gguf", "", "m-Q4_0.gguf", 0, true},
      {"s3://b/x", "m-Q8_0.gguf", "", "n-Q8_0.gguf", 0, false},
      {"s3://b/x", "m-Q8_0.gguf", "", "n-Q8_0.gguf", 'a', true},
      {"s3://b/x", "m-Q8_0.gguf", "hf:org/b", "n-Q8_0.gguf", 'b', false},
  };
  for (const auto& c : cases) {
    ModelFiles model{.id = "mine", .source = c.here, .license = {}, .files = {}};
    model.files.push_back({.path = {}, .known = {.name = c.here_file, .size = 1}});
    if (c.here_digest != 0) model.files[0].known.digest = digest(c.here_digest);
    Manifest there{.source = c.there};
    there.put({.name = "README.md", .size = 1, .digest = digest('b')});
    there.put({.name = c.there_file, .size = 1, .digest = digest('a')});
    const auto checked = check_same_model(model, there, {.bucket = "b", .prefix = "x"});
    EXPECT_EQ(checked.has_value(), c.fine) << c.there << " " << c.there_file << " < " << c.here << " " << c.here_file;
    if (!checked) EXPECT_EQ(checked.error().code, ErrorCode::kConflict);
  }
}

TEST(S3SameModel, TheRefusalNamesWhatIsThere) {
  ModelFiles model{.id = "mine", .source = "hf:org/b", .license = {}, .files = {}};
  model.files.push_back({.path = {}, .known = {.name = "n.gguf", .size = 1}});
  Manifest there{.source = "hf:org/a"};
  there.put({.name = "m.gguf", .size = 1, .digest = digest('a')});
  const auto checked = check_same_model(model, there, {.bucket = "b", .prefix = "x"});
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().message,
            "s3://b/x holds hf:org/a already (m.gguf), which mine (n.gguf) is not; push mine to another prefix");
}

}  // namespace
}  // namespace hearth::store::provision
