#include "store/manifest.hpp"

#include <gtest/gtest.h>

#include "store/test_folder.hpp"

namespace hearth::store {
namespace {

Manifest example() {
  return {.source = "hf:org/name",
          .revision = "main",
          .license = "apache-2.0",
          .fetched_at = "2026-11-21T12:00:00Z",
          .files = {{.name = "sub/a.gguf",
                     .size = 5'000'000'000,
                     .digest = {fetch::Digest::Kind::kSha256, std::string(64, 'a')},
                     .revision = "c0ffee"},
                    {.name = "größe.json",
                     .size = 0,
                     .digest = {fetch::Digest::Kind::kGitBlob, std::string(40, 'b')},
                     .revision = "c0ffee"}}};
}

TEST(Manifest, ReadsWhatItWrote) {
  const TestFolder folder;
  EXPECT_FALSE(Manifest::load(folder.path())->has_value());
  ASSERT_TRUE(example().save(folder.path()));
  const auto again = Manifest::load(folder.path());
  ASSERT_TRUE(again && *again);
  EXPECT_EQ((*again)->files, example().files);
  EXPECT_EQ((*again)->text(), example().text());
}

TEST(Manifest, PutReplacesByName) {
  auto manifest = example();
  manifest.put({.name = "sub/a.gguf", .size = 7, .digest = {}, .revision = "d"});
  EXPECT_EQ(manifest.files.size(), 2U);
  EXPECT_EQ(manifest.find("sub/a.gguf")->size, 7U);
  EXPECT_EQ(manifest.find("none"), nullptr);
}

TEST(Manifest, DamageIsNamed) {
  for (
      const auto* text :
      {"", "{}", R"({"version":2,"source":"x"})", R"({"version":1})",
       R"({"version":1,"source":"x","files":[{"name":"../a","size":1,"digest":"sha256:00"}]})",
       R"({"version":1,"source":"x","files":[{"name":"a","size":-1,"digest":"git:0123456789012345678901234567890123456789"}]})",
       R"({"version":1,"source":"x","files":[{"name":"a","size":1,"digest":"md5:00"}]})"}) {
    const TestFolder folder;
    folder.touch(kManifestName, text);
    const auto loaded = Manifest::load(folder.path());
    ASSERT_FALSE(loaded) << text;
    EXPECT_NE(loaded.error().message.find(kManifestName), std::string::npos) << loaded.error().message;
  }
}

TEST(FileNames, OnlyPlainOnesBecomePaths) {
  for (const auto* name : {"a.gguf", "sub/folder/a.gguf", "größe 日本.json", "a..b"})
    EXPECT_TRUE(check_file_name(name)) << name;
  for (const std::string& name :
       {std::string("../a"), std::string("a/../../b"), std::string("/etc/passwd"), std::string(""), std::string("a//b"),
        std::string("a/"), std::string("."), std::string("a\0b", 3), std::string("a\nb"), std::string("a\\b"),
        std::string(300, 'a'), std::string("\xff"), std::string(".bashrc"), std::string("sub/.ssh/x"),
        std::string("hearth.json"), std::string("a.partial"), std::string("a.partial.json"), std::string(2000, '/')})
    EXPECT_FALSE(check_file_name(name)) << name;
}

}  // namespace
}  // namespace hearth::store
