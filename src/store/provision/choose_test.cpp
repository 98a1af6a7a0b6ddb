#include "store/provision/choose.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace hearth::store::provision {
namespace {

constexpr std::uint64_t kGb = 1'000'000'000;

Publication published(std::vector<PublishedFile> files) {
  return {.source = "hf:org/name", .revision = "c0ffee", .license = {}, .files = std::move(files)};
}
std::vector<std::string> names(const Choice& choice) {
  std::vector<std::string> out;
  for (const auto& file : choice.files) out.push_back(file.name);
  return out;
}
using Names = std::vector<std::string>;

Publication quantised() {
  return published({{.name = "README.md", .size = 10},
                    {.name = "m-Q2_K.gguf", .size = 3 * kGb},
                    {.name = "m-Q4_K_M.gguf", .size = 5 * kGb},
                    {.name = "m-Q8_0.gguf", .size = 8 * kGb},
                    {.name = "F16/m-F16-00001-of-00002.gguf", .size = 8 * kGb},
                    {.name = "F16/m-F16-00002-of-00002.gguf", .size = 7 * kGb},
                    {.name = "mmproj-F16.gguf", .size = kGb}});
}

TEST(Choose, TheBestThatFits) {
  const struct {
    std::uint64_t budget;
    Names files;
  } cases[] = {
      {0, {"m-Q8_0.gguf"}},         {100 * kGb, {"m-Q8_0.gguf"}}, {9 * kGb, {"m-Q8_0.gguf"}},
      {8 * kGb, {"m-Q4_K_M.gguf"}}, {4 * kGb, {"m-Q2_K.gguf"}},
  };
  for (const auto& c : cases) {
    const auto choice = choose(quantised(), {.memory_budget = {c.budget}});
    ASSERT_TRUE(choice) << choice.error().message;
    EXPECT_EQ(names(*choice), c.files) << c.budget;
    EXPECT_EQ(choice->format, "gguf");
    EXPECT_FALSE(choice->reason.empty());
  }
  const auto none = choose(quantised(), {.memory_budget = {2 * kGb}});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kInsufficientMemory);
  EXPECT_NE(none.error().message.find("Q2_K, the smallest, takes 3.4 GB"), std::string::npos) << none.error().message;
  EXPECT_NE(none.error().message.find("2.0 GB"), std::string::npos) << none.error().message;
}

TEST(Choose, MemoryIsWhatTheCallerSaysItIs) {
  const auto choice = choose(quantised(), {.memory_budget = {8 * kGb}, .memory_needed = [](const auto& files) {
                                             return base::Bytes{files.front().size.value()};
                                           }});
  EXPECT_EQ(names(choice.value()), Names{"m-Q8_0.gguf"});
}

TEST(Choose, ThePreferenceIsTheUsers) {
  EXPECT_EQ(names(choose(quantised(), {.preference = {"q4_k_m", "Q8_0"}}).value()), Names{"m-Q4_K_M.gguf"});
  const auto unlisted = choose(quantised(), {.preference = {"IQ1_S"}}).value();
  EXPECT_EQ(names(unlisted), Names{"m-Q2_K.gguf"}) << "then the smallest";
  EXPECT_EQ(unlisted.reason, "the smallest of 4; none that pull.quantizations names (IQ1_S) can be had");
  EXPECT_EQ(choose(quantised(), {}).value().reason, "the best of 4");
}

TEST(Choose, WhatIsNamed) {
  EXPECT_EQ(names(choose(quantised(), {.selector = "q4_k_m", .memory_budget = {1}}).value()), Names{"m-Q4_K_M.gguf"});
  EXPECT_EQ(names(choose(quantised(), {.selector = "m-Q2_K.gguf"}).value()), Names{"m-Q2_K.gguf"});
  EXPECT_EQ(names(choose(quantised(), {.selector = "f16"}).value()),
            (Names{"F16/m-F16-00001-of-00002.gguf", "F16/m-F16-00002-of-00002.gguf"}));
  const auto none = choose(quantised(), {.selector = "Q5_K_M"});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kModelNotFound);
  EXPECT_NE(none.error().message.find("it has F16, Q2_K, Q4_K_M, Q8_0"), std::string::npos) << none.error().message;
}

TEST(Choose, OtherFormats) {
  const auto ir = choose(published({{.name = "openvino_model.xml"},
                                    {.name = "openvino_model.bin"},
                                    {.name = "openvino_tokenizer.xml"},
                                    {.name = "openvino_tokenizer.bin"},
                                    {.name = "config.json"},
                                    {.name = "tokenizer.json"},
                                    {.name = "model.safetensors"},
                                    {.name = "pytorch_model.bin"},
                                    {.name = "picture.png"}}),
                         {});
  EXPECT_EQ(ir->format, "openvino");
  EXPECT_EQ(names(*ir), (Names{"openvino_model.xml", "openvino_model.bin", "openvino_tokenizer.xml",
                               "openvino_tokenizer.bin", "config.json", "tokenizer.json"}));
  const auto weights = choose(published({{.name = "model-00001-of-00002.safetensors"},
                                         {.name = "model-00002-of-00002.safetensors"},
                                         {.name = "model.safetensors.index.json"},
                                         {.name = "config.json"},
                                         {.name = "vocab.txt"},
                                         {.name = "onnx/model.onnx"},
                                         {.name = "onnx/config.json"},
                                         {.name = "tf_model.h5"}}),
                              {});
  EXPECT_EQ(weights->format, "safetensors");
  EXPECT_EQ(weights->files.size(), 5U);
  const auto none = choose(published({{.name = "pytorch_model.bin"}, {.name = "config.json"}}), {});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().message, "hf:org/name has no GGUF, OpenVINO or safetensors files");
}

TEST(Choose, LimitsHold) {
  std::vector<PublishedFile> many;
  for (int i = 0; i < 300; ++i) many.push_back({.name = fmt::format("{}.safetensors", i), .size = 1});
  EXPECT_EQ(choose(published(many), {}).error().code, ErrorCode::kPayloadTooLarge);
  EXPECT_EQ(choose(published({{.name = "a.gguf", .size = 5}}), {.size_max = {4}}).error().code,
            ErrorCode::kPayloadTooLarge);
}

}  // namespace
}  // namespace hearth::store::provision
