#include "store/provision/model_files.hpp"

#include <gtest/gtest.h>

#include "store/test_folder.hpp"

namespace hearth::store::provision {
namespace {

namespace fs = std::filesystem;

// A file that is not what the manifest says is for the push to refuse: the manifest's word must reach it.
TEST(ModelFiles, AreWhatTheManifestSays) {
  const TestFolder folder;
  const fs::path models = folder.path() / "models";
  for (const auto* name : {"m", "bert"}) fs::create_directories(models / name);
  fs::copy_file(fs::path(HEARTH_SOURCE_DIR) / "models/ember/ember-q8_0.gguf", models / "m/m-Q8_0.gguf");
  folder.touch("models/bert/model.safetensors", std::string("\2\0\0\0\0\0\0\0{}", 10));
  base::NullLog log;
  const Library library({.root = folder.path(), .models = models, .bundled = {}}, log);

  const auto bare = model_files(library, "m");
  ASSERT_TRUE(bare) << bare.error().message;
  EXPECT_EQ(bare->files[0].known.size, fs::file_size(models / "m/m-Q8_0.gguf"));
  EXPECT_FALSE(bare->files[0].known.digest.known());
  for (const auto& [model, name] : {std::pair("m", "m-Q8_0.gguf"), {"bert", "model.safetensors"}}) {
    Manifest manifest{.source = "hf:org/m", .revision = "main", .license = {}, .fetched_at = {}, .files = {}};
    manifest.put({.name = name,
                  .size = 7,
                  .digest = {fetch::Digest::Kind::kGitBlob, std::string(40, 'a')},
                  .revision = "c",
                  .broken = true});
    ASSERT_TRUE(manifest.save(models / model));
    const auto files = model_files(library, model);
    ASSERT_TRUE(files) << files.error().message;
    ASSERT_EQ(files->files.size(), 1U) << model;
    const auto& known = files->files[0].known;
    EXPECT_EQ(known.name, name);
    EXPECT_EQ(known.size, 7U) << model;
    EXPECT_EQ(known.digest, manifest.files[0].digest) << model;
    EXPECT_TRUE(known.broken) << model;
  }
}

}  // namespace
}  // namespace hearth::store::provision
