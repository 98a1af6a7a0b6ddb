#include "store/provision/s3_address.hpp"

#include <gtest/gtest.h>

namespace hearth::store::provision {
namespace {

TEST(S3Address, Table) {
  struct Case {
    const char* text;
    const char* bucket;
    const char* prefix;
    const char* folder;  // of its files
    const char* name;
    bool is_file;
  };
  const Case cases[] = {
      {"s3://b", "b", "", "", "b", false},
      {"s3://my.models/llama-8b", "my.models", "llama-8b", "llama-8b", "llama-8b", false},
      {"s3://b/org/name/:Q8_0", "b", "org/name", "org/name", "name", false},
      {"s3://b/a/Tiny-Q8_0.gguf", "b", "a/Tiny-Q8_0.gguf", "a", "Tiny", true},
      {"s3://b/Tiny.GGUF", "b", "Tiny.GGUF", "", "Tiny", true},
      {"s3://b/m-Q8_0-00002-of-00003.gguf", "b", "m-Q8_0-00002-of-00003.gguf", "", "m", true},
      {"s3://b/x/.my model+1", "b", "x/.my model+1", "x/.my model+1", "my-model-1", false},
      {"s3://b/\xC3\xA4", "b", "\xC3\xA4", "\xC3\xA4", "b", false},
  };
  for (const auto& c : cases) {
    const auto reference = parse_reference(c.text);
    ASSERT_TRUE(reference) << c.text;
    const auto address = S3Address::of(*reference);
    EXPECT_EQ(address.bucket, c.bucket) << c.text;
    EXPECT_EQ(address.prefix, c.prefix) << c.text;
    EXPECT_EQ(address.folder().prefix, c.folder) << c.text;
    EXPECT_EQ(address.model_name(), c.name) << c.text;
    EXPECT_EQ(address.is_file(), c.is_file) << c.text;
    EXPECT_EQ(address.text(), reference->name) << c.text;
  }
}

TEST(S3Address, Keys) {
  EXPECT_EQ((S3Address{"b", ""}).key("x.gguf"), "x.gguf");
  EXPECT_EQ((S3Address{"b", "a/b"}).key("sub/x.gguf"), "a/b/sub/x.gguf");
}

TEST(S3Address, Parts) {
  EXPECT_EQ(stem_of_parts("m-Q8_0-00001-of-00003.gguf"), "m-Q8_0");
  for (const auto* name : {"m.gguf", "-00001-of-00003.gguf", "m-0000x-of-00003.gguf", "m-00001-of-00003.bin", ""})
    EXPECT_EQ(stem_of_parts(name), "") << name;
}

}  // namespace
}  // namespace hearth::store::provision
