#include "store/scan.hpp"

#include <algorithm>
#include <fstream>
#include <gtest/gtest.h>

#include "base/strings.hpp"
#include "store/test_folder.hpp"

namespace hearth::store {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> ids(const fs::path& root) {
  std::vector<std::string> out;
  for (const auto& f : scan_models(root)) out.push_back(f.model + ":" + f.tag);
  std::ranges::sort(out);
  return out;
}

TEST(Quantization, Table) {
  struct Case {
    std::string_view stem, quantization, rest;
  };
  const Case cases[] = {
      {"Qwen2.5-0.5B-Instruct-Q4_K_M", "q4_k_m", "Qwen2.5-0.5B-Instruct"},
      {"model.q8_0", "q8_0", "model"},
      {"ember-q8_0", "q8_0", "ember"},
      {"x-IQ4_XS", "iq4_xs", "x"},
      {"x-UD-Q2_K_XL", "ud-q2_k_xl", "x"},
      {"x_F16", "f16", "x"},
      {"x-bf16", "bf16", "x"},
      {"gpt-oss-MXFP4", "mxfp4", "gpt-oss"},
      {"stories260K", "", "stories260K"},
      {"Q4_K_M", "", "Q4_K_M"},
      {"model-v2", "", "model-v2"},
  };
  for (const auto& c : cases) {
    std::string rest;
    EXPECT_EQ(quantization_in(c.stem, &rest), c.quantization) << c.stem;
    EXPECT_EQ(rest, c.rest) << c.stem;
  }
}

TEST(Scan, FindsEveryLayoutAndNothingElse) {
  const TestFolder home;
  for (const auto* file :
       {"one/one-Q4_K_M.gguf", "one/one-Q8_0.gguf", "org/two/two.GGUF", "flat-q4_0.gguf", "one/readme.md",
        "org/two/mmproj-two-f16.gguf", "org/two/two-Q4_0.gguf.partial", ".hidden/x.gguf",
        "org/split/split-Q4_0-00001-of-00002.gguf", "org/split/split-Q4_0-00002-of-00002.gguf", "a b/größe.gguf",
        "tagged/tagged@1b.gguf", "tagged/other@2b.gguf", "tagged/mmproj-tagged@1b.gguf", "models--hf--tiny/blobs/abc"})
    home.touch(file);
  fs::create_directories(home.path() / "models--hf--tiny/snapshots/rev1");
  fs::create_symlink("../../blobs/abc", home.path() / "models--hf--tiny/snapshots/rev1/tiny-Q5_K_M.gguf");
  fs::create_symlink("../../blobs/none", home.path() / "models--hf--tiny/snapshots/rev1/gone-Q5_K_M.gguf");
  EXPECT_EQ(ids(home.path()),
            (std::vector<std::string>{"a b:latest", "flat:q4_0", "hf/tiny:q5_k_m", "one:q4_k_m", "one:q8_0",
                                      "org/split:q4_0", "org/two:latest", "tagged:1b", "tagged:latest"}));
}

TEST(Scan, FilesOfOneQuantisationAreToldApart) {
  const TestFolder home;
  for (const auto* file : {"org/two/alpha-Q8_0.gguf", "org/two/beta-Q8_0.gguf", "org/two/alpha-Q4_0.gguf",
                           "org/no/model.gguf", "org/no/other-00001-of-00002.gguf", "org/no/other-00002-of-00002.gguf"})
    home.touch(file);
  EXPECT_EQ(ids(home.path()), (std::vector<std::string>{"org/no:latest", "org/no:other", "org/two:beta-q8_0",
                                                        "org/two:q4_0", "org/two:q8_0"}));
}

// A hub cache as its client makes one: blobs, snapshots of links, refs.
void add_snapshot(const TestFolder& hub, const std::string& repository, const std::string& revision,
                  const std::vector<std::string>& files) {
  const auto folder = hub.path() / repository;
  for (const auto& file : files) {
    hub.touch(repository + "/blobs/" + file);
    const auto link = folder / "snapshots" / revision / file;
    fs::create_directories(link.parent_path());
    fs::create_symlink(folder / "blobs" / file, link);
  }
}

TEST(Scan, AHubCacheIsReadByItsMainRevision) {
  const TestFolder hub;
  add_snapshot(hub, "models--org--tiny", "old", {"tiny-Q8_0.gguf", "tiny-Q4_0.gguf"});
  add_snapshot(hub, "models--org--tiny", "new", {"tiny-Q4_K_M.gguf", "Q8_0/tiny-Q8_0.gguf"});
  hub.touch("models--org--tiny/refs/main", "old\n");
  hub.touch("models--org--no-refs/snapshots/x/m.gguf");
  hub.touch("datasets--org--tiny/snapshots/x/m.gguf");
  hub.touch("stray/m.gguf");
  FolderCache folders;
  std::vector<std::string> found;
  for (const auto& f : scan_hub(hub.path(), folders))
    found.push_back(f.model + ":" + f.tag + " " + fs::path(f.path).parent_path().filename().string());
  std::ranges::sort(found);
  EXPECT_EQ(found, (std::vector<std::string>{"org/no-refs:latest x", "org/tiny:q4_0 old", "org/tiny:q4_k_m new",
                                             "org/tiny:q8_0 old"}));
}

TEST(Scan, OneModelIsFoundAsAmongAll) {
  const TestFolder home;
  for (const auto* file : {"one/one-Q4_K_M.gguf", "one/inner/inner.gguf", "one/two/a/two-Q8_0.gguf", "flat-q4_0.gguf",
                           "flat-q8_0.gguf", "Flat/x.gguf", "models--hf--tiny/snapshots/r/tiny.gguf", "onetwo/x.gguf"})
    home.touch(file);
  FolderCache folders;
  const auto all = scan_models(home.path(), folders);
  EXPECT_EQ(all.size(), 8U);
  for (const auto* name : {"one", "ONE/Inner", "one/two", "flat", "hf/tiny", "hf", "none", "one/none", "onetwo"}) {
    std::vector<std::string> expected;
    for (const auto& file : all) {
      if (base::equals_ignore_case(file.model, name)) expected.push_back(file.path);
    }
    std::vector<std::string> found;
    for (const auto& file : scan_models(home.path(), folders, name)) found.push_back(file.path);
    EXPECT_EQ(found, expected) << name;
  }
}

TEST(Scan, WhatCannotBeUsedIsSaid) {
  const TestFolder home;
  home.touch("good/good.gguf");
  fs::create_symlink("nowhere", home.path() / "good/gone.gguf");
  std::vector<std::string> troubles;
  FolderCache folders([&](const std::string& path, std::string_view) { troubles.push_back(path); });
  EXPECT_EQ(scan_models(home.path(), folders).size(), 1U);
  EXPECT_EQ(troubles, (std::vector<std::string>{(home.path() / "good/gone.gguf").string()}));
}

TEST(Scan, AnAbsentFolderIsEmpty) { EXPECT_TRUE(scan_models("/no/such/folder").empty()); }

TEST(Preference, WhatLatestMeans) {
  EXPECT_LT(preference_of("latest"), preference_of("q4_k_m"));
  EXPECT_LT(preference_of("q4_k_m"), preference_of("q8_0"));
  EXPECT_LT(preference_of("q8_0"), preference_of("f16"));
  EXPECT_LT(preference_of("f16"), preference_of("something"));
}

}  // namespace
}  // namespace hearth::store
