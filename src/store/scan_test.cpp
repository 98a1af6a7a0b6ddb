#include "store/scan.hpp"

#include <algorithm>
#include <fstream>
#include <gtest/gtest.h>

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

TEST(Scan, AnAbsentFolderIsEmpty) { EXPECT_TRUE(scan_models("/no/such/folder").empty()); }

TEST(Preference, WhatLatestMeans) {
  EXPECT_LT(preference_of("latest"), preference_of("q4_k_m"));
  EXPECT_LT(preference_of("q4_k_m"), preference_of("q8_0"));
  EXPECT_LT(preference_of("q8_0"), preference_of("f16"));
  EXPECT_LT(preference_of("f16"), preference_of("something"));
}

}  // namespace
}  // namespace hearth::store
