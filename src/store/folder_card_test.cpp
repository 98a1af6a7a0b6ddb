#include "store/folder_card.hpp"

#include <cstring>
#include <gtest/gtest.h>

#include "store/test_folder.hpp"

namespace hearth::store {
namespace {

using domain::Task;

std::string small_safetensors() {
  const std::string header = R"({"w":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]}})";
  const std::uint64_t length = header.size();
  std::string out(8, '\0');
  std::memcpy(out.data(), &length, 8);
  return out.append(header).append(12, 'x');
}

TEST(FolderCard, TellsWhatSafetensorsAndTheirConfigurationSay) {
  const TestFolder folder;
  const auto weights = folder.touch("model.safetensors", small_safetensors());
  folder.touch("config.json", R"({"model_type":"qwen2","architectures":["Qwen2ForCausalLM"],"hidden_size":64,
    "max_position_embeddings":32768})");
  folder.touch("tokenizer_config.json", R"({"chat_template":[{"name":"tool_use","template":"no"},
    {"name":"default","template":"yes"}]})");
  const auto card = read_folder_card(weights);
  ASSERT_TRUE(card) << card.error().message;
  EXPECT_EQ(card->format, "safetensors");
  EXPECT_EQ(card->architecture, "qwen2");
  EXPECT_EQ(card->context_tokens, 32768);
  EXPECT_EQ(card->parameters, 6U);
  EXPECT_EQ(card->quantization, "BF16");
  EXPECT_EQ(card->chat_template, "yes");
  EXPECT_EQ(card->size_bytes, std::filesystem::file_size(weights));
  EXPECT_TRUE(card->tasks.has(Task::kChat) && card->tasks.has(Task::kComplete));
}

TEST(FolderCard, LivesWithoutAConfigurationOrWithABrokenOne) {
  const TestFolder folder;
  const auto weights = folder.touch("model.safetensors", small_safetensors());
  EXPECT_EQ(read_folder_card(weights)->architecture, "");
  folder.touch("config.json", R"({"model_type": 7, "max_position_embeddings": "many")");
  EXPECT_EQ(read_folder_card(weights)->context_tokens, 0);
  folder.touch("config.json", R"({"text_config": {"max_position_embeddings": 4096}, "architectures": ["BertModel"]})");
  EXPECT_EQ(read_folder_card(weights)->context_tokens, 4096);
  EXPECT_TRUE(read_folder_card(weights)->tasks.has(Task::kEmbed));
}

TEST(FolderCard, TellsWhatAnIrSays) {
  const TestFolder folder;
  const auto xml =
      folder.touch("openvino_model.xml", R"(<net name="m" version="11"><layers><layer id="0" name="c" type="Const">
    <data element_type="f16" shape="2" offset="0" size="4"/></layer></layers></net>)");
  EXPECT_EQ(read_folder_card(xml).error().code, ErrorCode::kModelLoadFailed);
  folder.touch("openvino_model.bin", "1234");
  const auto card = read_folder_card(xml);
  ASSERT_TRUE(card) << card.error().message;
  EXPECT_EQ(card->format, "openvino");
  EXPECT_EQ(card->quantization, "f16");
}

}  // namespace
}  // namespace hearth::store
