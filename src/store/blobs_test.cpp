#include "store/blobs.hpp"

#include <fstream>
#include <gtest/gtest.h>

#include "base/files.hpp"
#include "store/manifest.hpp"
#include "store/scan.hpp"
#include "store/test_folder.hpp"

namespace hearth::store {
namespace {

namespace fs = std::filesystem;

fetch::Digest digest_of(std::string_view content) {
  fetch::Hasher hasher(fetch::Digest::Kind::kSha256, content.size());
  hasher.add(content);
  return hasher.finish();
}

class Blobs : public ::testing::Test {
 protected:
  void upload(std::string_view content) const {
    auto upload = BlobUpload::begin(home_, digest_of(content));
    ASSERT_TRUE(upload) << upload.error().message;
    ASSERT_TRUE(upload->add(content.substr(0, content.size() / 2)));
    ASSERT_TRUE(upload->add(content.substr(content.size() / 2)));
    const auto done = upload->finish();
    ASSERT_TRUE(done) << done.error().message;
  }
  [[nodiscard]] std::size_t files() const {
    std::error_code error;
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(home_.models / ".blobs", error), {}));
  }
  [[nodiscard]] static std::string ember() {
    return *base::read_file(fs::path(HEARTH_SOURCE_DIR) / "models/ember/ember-q8_0.gguf");
  }
  TestFolder folder_;
  Home home_{.root = folder_.path(), .models = folder_.path() / "models", .bundled = {}};
};

TEST_F(Blobs, WhatIsSentIsThere) {
  upload("content");
  EXPECT_EQ(*base::read_file(blob_path(home_, digest_of("content"))), "content");
  EXPECT_EQ(files(), 1U);
  EXPECT_TRUE(scan_models(home_.models).empty());
}

TEST_F(Blobs, WhatIsNotFinishedOrWrongIsGone) {
  {
    auto upload = BlobUpload::begin(home_, digest_of("a"));
    ASSERT_TRUE(upload && upload->add("b"));
    const auto done = upload->finish();
    ASSERT_FALSE(done);
    EXPECT_NE(done.error().message.find(digest_of("b").hex), std::string::npos);
  }
  EXPECT_EQ(files(), 0U);
}

TEST_F(Blobs, OldOnesGo) {
  upload("old");
  upload("new");
  fs::last_write_time(blob_path(home_, digest_of("old")), fs::file_time_type::clock::now() - std::chrono::hours(25));
  upload("third");
  EXPECT_FALSE(fs::exists(blob_path(home_, digest_of("old"))));
  EXPECT_EQ(files(), 2U);
}

TEST_F(Blobs, BecomeAModel) {
  const std::string content = ember();
  upload(content);
  domain::ModelSettings settings;
  settings.system = "be kind";
  const auto made = create_from_blobs(home_, "me/mine:v1", {{"x.gguf", digest_of(content)}}, settings, "now");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(files(), 0U);
  const auto found = scan_models(home_.models);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].model + ":" + found[0].tag, "me/mine:v1");
  const auto manifest = Manifest::load(home_.models / "me/mine");
  ASSERT_TRUE(manifest && *manifest);
  EXPECT_EQ((*manifest)->files.at(0).settings, settings);
  // Again, with other settings: replaced.
  upload(content);
  ASSERT_TRUE(create_from_blobs(home_, "me/mine:v1", {{"y.gguf", digest_of(content)}}, {}, "now"));
  EXPECT_TRUE((*Manifest::load(home_.models / "me/mine"))->files.at(0).settings.empty());
}

TEST_F(Blobs, WhatIsRefusedLeavesTheModelThatWasThere) {
  const std::string content = ember();
  upload(content);
  ASSERT_TRUE(create_from_blobs(home_, "mine", {{"x.gguf", digest_of(content)}}, {}, "now"));
  upload("GGUF, but no more");
  ASSERT_FALSE(create_from_blobs(home_, "mine", {{"x.gguf", digest_of("GGUF, but no more")}}, {}, "later"));
  EXPECT_EQ(*base::read_file(home_.models / "mine/mine@latest.gguf"), content);
  EXPECT_EQ(*base::read_file(blob_path(home_, digest_of("GGUF, but no more"))), "GGUF, but no more");
  EXPECT_EQ(files(), 1U);
}

TEST_F(Blobs, RefusesWithoutLosingThem) {
  upload("GGUF, but no more");
  struct {
    const char* name;
    std::map<std::string, fetch::Digest> files;
    const char* message;
  } const cases[] = {
      {"m", {{"x.gguf", digest_of("GGUF, but no more")}}, "GGUF"},
      {"m", {{"x.gguf", digest_of("absent")}}, "is not here"},
      {"m", {{"x.bin", digest_of("GGUF, but no more")}}, "no .gguf file"},
      {"m", {{"mmproj.gguf", digest_of("GGUF, but no more")}}, "no weights"},
      {"m", {{"x-00002-of-00002.gguf", digest_of("GGUF, but no more")}}, "no weights"},
      {"m",
       {{"clip.gguf", digest_of("GGUF, but no more")}, {"model.gguf", digest_of("GGUF, but no more")}},
       "'model.gguf' is one model file too many"},
      {"a:b:c", {{"x.gguf", digest_of("GGUF, but no more")}}, ":"},
      {"../m", {{"x.gguf", digest_of("GGUF, but no more")}}, "part"},
  };
  for (const auto& c : cases) {
    const auto made = create_from_blobs(home_, c.name, c.files, {}, "now");
    ASSERT_FALSE(made) << c.message;
    EXPECT_NE(made.error().message.find(c.message), std::string::npos) << made.error().message;
    EXPECT_EQ(files(), 1U);
    EXPECT_FALSE(fs::exists(home_.models / "m"));
  }
}

}  // namespace
}  // namespace hearth::store
