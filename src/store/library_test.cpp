#include "store/library.hpp"

#include <fstream>
#include <gtest/gtest.h>

#include "store/file_lock.hpp"
#include "store/manifest.hpp"
#include "store/test_folder.hpp"

namespace hearth::store {
namespace {

namespace fs = std::filesystem;

// The bundled model is the one GGUF file that is always there.
const fs::path kEmber = fs::path(HEARTH_SOURCE_DIR) / "models/ember/ember-q8_0.gguf";

class LibraryTest : public ::testing::Test {
 protected:
  LibraryTest() : library_({.root = folder_.path(), .models = folder_.path() / "models", .bundled = {}}, log_) {}
  fs::path place(const std::string& file) {
    const auto target = folder_.path() / file;
    fs::create_directories(target.parent_path());
    fs::copy_file(kEmber, target);
    return target;
  }
  std::vector<std::string> ids() {
    std::vector<std::string> out;
    for (const auto& e : library_.entries().value()) out.push_back(e.id());
    return out;
  }

  TestFolder folder_;
  base::NullLog log_;
  Library library_;
};

TEST_F(LibraryTest, AnEmptyHomeHasNoModels) {
  EXPECT_TRUE(ids().empty());
  const auto missing = library_.find("nope");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kModelNotFound);
  EXPECT_NE(missing.error().message.find("model 'nope' not found"), std::string::npos);
  EXPECT_NE(missing.error().message.find("hearth pull nope"), std::string::npos);
}

TEST_F(LibraryTest, FoldersGiveOneIdPerQuantisation) {
  place("models/org/tiny/tiny-Q8_0.gguf");
  place("models/org/tiny/tiny-Q4_K_M.gguf");
  EXPECT_EQ(ids(), (std::vector<std::string>{"org/tiny", "org/tiny:q8_0"}));
  EXPECT_EQ(library_.find("ORG/Tiny")->name.tag(), "q4_k_m");
  EXPECT_EQ(library_.find("org/tiny:latest")->name.tag(), "q4_k_m");
  EXPECT_EQ(library_.find("org/tiny:Q8_0")->name.tag(), "q8_0");
  EXPECT_FALSE(library_.find("org/tiny:q2_k"));
  for (const auto* near : {"tiny", "org/tinny", "Org/tin"}) {
    const auto missing = library_.find(near);
    ASSERT_FALSE(missing) << near;
    EXPECT_NE(missing.error().message.find("did you mean 'org/tiny'?"), std::string::npos) << missing.error().message;
  }
}

TEST_F(LibraryTest, ImportCopiesNothingAndDeleteKeepsTheFile) {
  const auto file = place("elsewhere/My Model-Q8_0.gguf");
  const auto entry = library_.import(file, "");
  ASSERT_TRUE(entry) << entry.error().message;
  EXPECT_EQ(entry->id(), "My Model");
  EXPECT_EQ(entry->path, fs::canonical(file));
  EXPECT_TRUE(library_.import(file, "")) << "importing the same file again is fine";
  EXPECT_EQ(library_.card(*entry)->name, "My Model");
  EXPECT_FALSE(fs::exists(folder_.path() / "models"));
  ASSERT_TRUE(library_.remove("my model"));
  EXPECT_TRUE(ids().empty());
  EXPECT_TRUE(fs::exists(file));
}

TEST_F(LibraryTest, ImportRefusesWithAReason) {
  struct Case {
    std::string path;
    ErrorCode code;
  };
  folder_.touch("empty.gguf", "");
  folder_.touch("garbage.gguf", "this is not a model");
  folder_.touch("folder/readme.md");
  std::ofstream(folder_.path() / "cut.gguf", std::ios::binary) << std::ifstream(kEmber, std::ios::binary).rdbuf();
  fs::resize_file(folder_.path() / "cut.gguf", 100'000);
  const Case cases[] = {
      {"none.gguf", ErrorCode::kInvalidRequest},    {"empty.gguf", ErrorCode::kInvalidRequest},
      {"garbage.gguf", ErrorCode::kInvalidRequest}, {"cut.gguf", ErrorCode::kInvalidRequest},
      {"folder", ErrorCode::kInvalidRequest},
  };
  for (const auto& c : cases) {
    const auto entry = library_.import(folder_.path() / c.path, "");
    ASSERT_FALSE(entry) << c.path;
    EXPECT_EQ(entry.error().code, c.code) << entry.error().message;
    EXPECT_NE(entry.error().message.find(c.path), std::string::npos) << entry.error().message;
  }
  EXPECT_TRUE(ids().empty());
}

TEST_F(LibraryTest, NamesThatMeanSomethingElseAreRefused) {
  const auto file = place("elsewhere/m.gguf");
  ASSERT_TRUE(library_.import(file, ""));
  for (const auto* name : {"hf:org/x", "hf:x", "ollama:x:1b", "s3://b/x", "file:x", "./x", "-x", "host:80/x"}) {
    EXPECT_EQ(library_.import(file, name).error().code, ErrorCode::kInvalidRequest) << name;
    EXPECT_EQ(library_.copy("m", name).error().code, ErrorCode::kInvalidRequest) << name;
    EXPECT_EQ(library_.create(name, "m", {}).error().code, ErrorCode::kInvalidRequest) << name;
  }
  EXPECT_EQ(default_model_name("-x-Q8_0.gguf"), "x:q8_0");
  EXPECT_EQ(default_model_name("--.gguf"), "model");
}

TEST_F(LibraryTest, ANameIsTakenOnce) {
  ASSERT_TRUE(library_.import(place("a/one.gguf"), "m"));
  const auto second = library_.import(place("b/two.gguf"), "M:latest");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kConflict);
  EXPECT_TRUE(library_.import(folder_.path() / "b/two.gguf", "n"));
}

TEST_F(LibraryTest, ANameWithoutTagIsTakenByItsPreferredFile) {
  place("models/tiny/tiny-Q8_0.gguf");
  const auto other = place("b/two.gguf");
  const auto taken = library_.import(other, "Tiny");
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, ErrorCode::kConflict);
  EXPECT_TRUE(library_.import(other, "tiny:mine")) << "another tag is another model";
}

TEST_F(LibraryTest, AModelWhoseFileIsGoneSaysSoAndCanBeForgotten) {
  const auto file = place("a/one.gguf");
  ASSERT_TRUE(library_.import(file, "m"));
  fs::remove(file);
  const auto gone = library_.find("M");
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, ErrorCode::kModelNotFound);
  EXPECT_NE(gone.error().message.find("its file " + file.string() + " is gone"), std::string::npos)
      << gone.error().message;
  EXPECT_TRUE(library_.remove("m"));
  EXPECT_FALSE(library_.remove("m"));
  EXPECT_EQ(library_.find("m").error().message.find("is gone"), std::string::npos);
}

TEST_F(LibraryTest, AFolderIsImportedByItsBestFile) {
  place("elsewhere/tiny/model-Q8_0.gguf");
  place("elsewhere/tiny/model-Q4_K_M.gguf");
  place("elsewhere/other/model-Q4_0.gguf");
  const auto entry = library_.import(folder_.path() / "elsewhere/tiny", "tiny");
  ASSERT_TRUE(entry) << entry.error().message;
  EXPECT_EQ(entry->path.filename(), "model-Q4_K_M.gguf");
  EXPECT_EQ(entry->path.parent_path().filename(), "tiny");
}

TEST_F(LibraryTest, CopyIsASecondIdForTheSameFile) {
  ASSERT_TRUE(library_.import(place("a/one.gguf"), "m"));
  ASSERT_TRUE(library_.copy("m", "org/n:x"));
  EXPECT_EQ(library_.find("org/n:x")->path, library_.find("m")->path);
  EXPECT_FALSE(library_.copy("none", "y"));
  ASSERT_TRUE(library_.remove("org/n"));
  EXPECT_EQ(ids(), (std::vector<std::string>{"m"}));
}

TEST_F(LibraryTest, RemovingADownloadedModelRemovesItsFilesAndEmptyFolders) {
  place("models/org/tiny/tiny-Q8_0.gguf");
  place("models/org/tiny/tiny-Q4_0.gguf");
  ASSERT_TRUE(library_.remove("org/tiny:q8_0"));
  EXPECT_EQ(ids(), (std::vector<std::string>{"org/tiny"}));
  ASSERT_TRUE(library_.remove("org/tiny"));
  EXPECT_FALSE(fs::exists(folder_.path() / "models/org"));
  EXPECT_TRUE(fs::exists(folder_.path() / "models"));
}

TEST_F(LibraryTest, RemovingTheLastWeightsRemovesWhatCameWithThem) {
  const auto folder = folder_.path() / "models/org/tiny";
  place("models/org/tiny/tiny-Q8_0.gguf");
  place("models/org/tiny/F16/tiny-F16.gguf");
  folder_.touch("models/org/tiny/config.json");
  Manifest manifest{.source = "hf:org/tiny", .revision = "main", .license = {}, .fetched_at = {}, .files = {}};
  const fetch::Digest digest{fetch::Digest::Kind::kSha256, std::string(64, 'a')};
  for (const auto* name : {"tiny-Q8_0.gguf", "F16/tiny-F16.gguf", "config.json"})
    manifest.put({.name = name, .size = 1, .digest = digest, .revision = "c"});
  ASSERT_TRUE(manifest.save(folder));
  ASSERT_TRUE(library_.remove("org/tiny:f16"));
  EXPECT_TRUE(fs::exists(folder / "config.json"));
  EXPECT_EQ(Manifest::load(folder).value()->files.size(), 2U);
  const auto busy = FileLock::try_take(library_.home().model_lock("org/tiny"));
  EXPECT_EQ(library_.remove("org/tiny").error().code, ErrorCode::kConflict) << "while it is being fetched";
  EXPECT_TRUE(library_.find("org/tiny"));
}

TEST_F(LibraryTest, NothingIsLeftOfADownloadedModel) {
  place("models/org/tiny/tiny-Q8_0.gguf");
  Manifest manifest{.source = "hf:org/tiny", .revision = "main", .license = {}, .fetched_at = {}, .files = {}};
  manifest.put({.name = "tiny-Q8_0.gguf",
                .size = 1,
                .digest = {fetch::Digest::Kind::kSha256, std::string(64, 'a')},
                .revision = "c"});
  ASSERT_TRUE(manifest.save(folder_.path() / "models/org/tiny"));
  ASSERT_TRUE(library_.remove("org/tiny"));
  EXPECT_FALSE(fs::exists(folder_.path() / "models/org"));
}

TEST_F(LibraryTest, IsFoundAsItWasPulled) {
  place("models/org/q/q-Q8_0.gguf");
  place("models/org/q/q-Q4_0.gguf");
  place("models/small/small@1b.gguf");
  const struct {
    const char* text;
    const char* id;  // or what the error says
  } cases[] = {
      {"hf.co/org/q:Q8_0", "org/q:q8_0"},
      {"hf:Org/Q", "org/q:q4_0"},
      {"huggingface.co/org/q:latest", "org/q:q4_0"},
      {"org/q:q-Q8_0.gguf", "org/q:q8_0"},
      {"ollama:small:1b", "small:1b"},
      {"org/q:q9", "model 'org/q:q9' not found: org/q has q4_0, q8_0"},
      {"hf:org/none", "model 'hf:org/none' not found"},
      {"s3://b/q", "model 's3://b/q' not found"},
  };
  for (const auto& c : cases) {
    const auto found = library_.find(c.text);
    const std::string is = found ? found->name.full() : found.error().message;
    EXPECT_TRUE(is.starts_with(c.id)) << c.text << ": " << is;
  }
  folder_.touch("models/org/begun/x.gguf.partial");
  EXPECT_TRUE(
      library_.find("org/begun").error().message.contains("not all there yet; go on with: hearth pull org/begun"));
}

TEST_F(LibraryTest, OtherWeightsAreOneModel) {
  for (const auto* file :
       {"model.safetensors", "openvino/openvino_model.xml", "openvino/openvino_model.bin", "vae/diffusion.safetensors"})
    folder_.touch(std::string("models/org/st/") + file);
  EXPECT_EQ(ids(), (std::vector<std::string>{"org/st"}));
}

TEST_F(LibraryTest, FilesOfOneQuantisationKeepTheirNames) {
  place("models/org/two/alpha-Q8_0.gguf");
  place("models/org/two/zeta-Q8_0.gguf");
  EXPECT_EQ(ids(), (std::vector<std::string>{"org/two", "org/two:zeta-q8_0"}));
  EXPECT_EQ(library_.find("org/two:Alpha-Q8_0")->path.filename(), "alpha-Q8_0.gguf");
  ASSERT_TRUE(library_.remove("org/two:q8_0"));
  EXPECT_EQ(library_.find("org/two:zeta-q8_0")->id(), "org/two") << "its name from before";
  ASSERT_TRUE(library_.remove("org/two:zeta-q8_0"));
  EXPECT_TRUE(ids().empty());
}

TEST_F(LibraryTest, WeightsThatOthersStandOnOutliveTheirFolder) {
  place("models/org/two/two-Q8_0.gguf");
  place("models/org/two/two-Q4_0.gguf");
  ASSERT_TRUE(library_.copy("org/two:q8_0", "mine"));
  ASSERT_TRUE(library_.remove("org/two:q8_0")) << "its name only";
  ASSERT_TRUE(library_.remove("org/two")) << "the other one";
  EXPECT_EQ(ids(), (std::vector<std::string>{"mine"}));
  EXPECT_TRUE(fs::exists(folder_.path() / "models/org/two/two-Q8_0.gguf"));
  EXPECT_FALSE(fs::exists(folder_.path() / "models/org/two/two-Q4_0.gguf"));
}

TEST_F(LibraryTest, WhatIsLeftOfLostWeightsIsForgotten) {
  const fetch::Digest digest{.kind = fetch::Digest::Kind::kSha256, .hex = std::string(64, 'a')};
  const Manifest manifest{.source = "create",
                          .files = {{.name = "model.safetensors", .size = 1, .digest = digest},
                                    {.name = "config.json", .size = 1, .digest = digest}}};
  folder_.touch("models/org/st/config.json");
  ASSERT_TRUE(manifest.save(folder_.path() / "models/org/st"));
  const auto lost = library_.lost();
  ASSERT_TRUE(lost && lost->size() == 1U);
  EXPECT_EQ(lost->front().why, "it is gone; forget it with: hearth rm org/st");
  ASSERT_TRUE(library_.remove("org/st"));
  EXPECT_FALSE(fs::exists(folder_.path() / "models/org"));
}

TEST_F(LibraryTest, ARevisionIsTheOneThatWasFetched) {
  place("models/org/q/q-Q8_0.gguf");
  place("models/org/q/sub/r-Q4_0.gguf");
  const Manifest manifest{.source = "hf:org/q",
                          .files = {{.name = "q-Q8_0.gguf",
                                     .size = 1,
                                     .digest = {.kind = fetch::Digest::Kind::kSha256, .hex = std::string(64, 'a')},
                                     .asked = "v1"}}};
  ASSERT_TRUE(manifest.save(folder_.path() / "models/org/q"));
  EXPECT_TRUE(library_.find("org/q@v1:q8_0"));
  EXPECT_EQ(library_.find("hf:org/q@v2:q8_0").error().code, ErrorCode::kModelNotFound);
  EXPECT_EQ(library_.remove("org/q@v2").error().code, ErrorCode::kModelNotFound);
  EXPECT_EQ(library_.find("hf:org/q:sub/r-Q4_0.gguf")->name.tag(), "q4_0");
}

TEST_F(LibraryTest, OfGivenTagsOneIsNamed) {
  place("models/small/small@1b.gguf");
  place("models/small/small@3b.gguf");
  const auto refused = library_.remove("small");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "'small' could mean small:1b, small:3b; name the one to delete");
  ASSERT_TRUE(library_.remove("small:1b"));
  EXPECT_EQ(ids(), (std::vector<std::string>{"small:3b"}));
  ASSERT_TRUE(library_.remove("small")) << "there is one only";
  EXPECT_FALSE(fs::exists(folder_.path() / "models/small"));
}

TEST_F(LibraryTest, AProjectorGoesWithItsWeights) {
  const auto folder = folder_.path() / "models/eye";
  Manifest manifest{.source = "ollama:eye", .revision = {}, .license = {}, .fetched_at = {}, .files = {}};
  for (const auto* name : {"eye@a.gguf", "mmproj-eye@a.gguf", "eye@b.gguf", "mmproj-eye@b.gguf"}) {
    place(std::string("models/eye/") + name);
    manifest.put(
        {.name = name, .size = 1, .digest = {fetch::Digest::Kind::kSha256, std::string(64, 'a')}, .revision = "c"});
  }
  ASSERT_TRUE(manifest.save(folder));
  ASSERT_TRUE(library_.remove("eye:a"));
  EXPECT_FALSE(fs::exists(folder / "mmproj-eye@a.gguf"));
  EXPECT_TRUE(fs::exists(folder / "mmproj-eye@b.gguf"));
  EXPECT_EQ(Manifest::load(folder).value()->files.size(), 2U);
  ASSERT_TRUE(library_.remove("eye:b"));
  EXPECT_FALSE(fs::exists(folder));
}

TEST_F(LibraryTest, WeightsThatLoseTheirLastNameGo) {
  const auto file = place("models/a/a-Q8_0.gguf");
  const auto other = place("models/c/c-Q8_0.gguf");
  ASSERT_TRUE(library_.create("b", "a", {}));
  ASSERT_TRUE(library_.remove("a"));
  EXPECT_TRUE(fs::exists(file)) << "b stands on it";
  ASSERT_TRUE(library_.create("b", "c", {}));
  EXPECT_FALSE(fs::exists(file));
  EXPECT_TRUE(fs::exists(other));
}

TEST_F(LibraryTest, BundledModelsAreHiddenNotDeleted) {
  const Library library(
      {.root = folder_.path(), .models = folder_.path() / "models", .bundled = kEmber.parent_path().parent_path()},
      log_);
  EXPECT_EQ(library.find("ember")->origin, LibraryEntry::Origin::kBundled);
  Library writable(
      {.root = folder_.path(), .models = folder_.path() / "models", .bundled = kEmber.parent_path().parent_path()},
      log_);
  ASSERT_TRUE(writable.remove("ember"));
  EXPECT_FALSE(library.find("ember"));
  EXPECT_TRUE(fs::exists(kEmber));
}

TEST_F(LibraryTest, AModelAddedByAnotherProcessIsThereAtOnce) {
  EXPECT_FALSE(library_.find("tiny"));
  place("models/tiny/tiny.gguf");
  EXPECT_TRUE(library_.find("tiny"));
}

}  // namespace
}  // namespace hearth::store
