#include "store/model_card.hpp"

#include <gtest/gtest.h>

#include "store/gguf_test_file.hpp"

namespace hearth::store {
namespace {

using domain::Task;
using testing::GgufBytes;
using testing::TempFolder;

GgufBytes model(std::string_view architecture, std::uint32_t file_type = 7) {
  GgufBytes b;
  b.begin(2, 10).text_key("general.architecture", architecture).text_key("general.license", "apache-2.0");
  b.u32_key("general.file_type", file_type);
  const std::string arch(architecture);
  b.u32_key(arch + ".context_length", 4096).u32_key(arch + ".embedding_length", 32);
  b.text_key("tokenizer.ggml.model", "gpt2").text_key("tokenizer.chat_template", "{{ messages }}");
  b.key("general.sampling.temp", GgufType::kFloat32).number(0.2F);
  b.key("short", GgufType::kArray)
      .number(std::uint32_t{4})
      .number(std::uint64_t{2})
      .number(std::uint64_t{0x0000000200000001});
  b.key("long", GgufType::kArray).number(std::uint32_t{0}).number(std::uint64_t{6}).data(6);
  b.tensor("token_embd.weight", {32, 4}, 8, 0).tensor("output_norm.weight", {32}, 0, 160).pad();
  return b.data(160).data(128);
}

std::string metadata(const domain::ModelCard& card, std::string_view key) {
  for (const auto& [name, value] : card.metadata)
    if (name == key) return value;
  return "absent";
}

TEST(ModelCard, TellsWhatTheHeaderTells) {
  const TempFolder folder;
  const auto path = folder.write("m.gguf", model("llama").bytes());
  const auto card = read_model_card(path);
  ASSERT_TRUE(card) << card.error().message;
  EXPECT_EQ(card->architecture, "llama");
  EXPECT_EQ(card->quantization, "Q8_0");
  EXPECT_EQ(card->parameters, 160U);
  EXPECT_EQ(card->context_tokens, 4096);
  EXPECT_EQ(card->embedding_dimensions, 32);
  EXPECT_EQ(card->size_bytes, std::filesystem::file_size(path));
  EXPECT_EQ(card->chat_template, "{{ messages }}");
  EXPECT_EQ(card->license, "apache-2.0");
  EXPECT_EQ(card->tasks, (domain::TaskSet{Task::kChat, Task::kComplete, Task::kEmbed}));
  EXPECT_NE(card->modified, base::WallTime{});
  ASSERT_EQ(card->tensors.size(), 2U);
  EXPECT_EQ(card->tensors[0].type, "Q8_0");
  EXPECT_EQ(metadata(*card, "general.architecture"), "\"llama\"");
  EXPECT_EQ(metadata(*card, "short"), "[1,2]");
  EXPECT_EQ(metadata(*card, "general.sampling.temp"), "0.2");
  EXPECT_EQ(card->settings.parameters, (std::vector<domain::ModelSettings::Line>{{"temperature", "0.2"}}));
  EXPECT_EQ(metadata(*card, "long"), "null");
}

// By the texts of a vocabulary, which is too long to be kept, or by ids.
TEST(ModelCard, InfillIsWhereItsThreeTokensAre) {
  using Texts = std::vector<std::string>;
  using Marks = std::vector<std::pair<std::string, std::uint32_t>>;
  const Texts marks{"<PRE>", "<SUF>", "<MID>"};
  const Marks ids{{"fim_pre_token_id", 0}, {"fim_suf_token_id", 1}, {"fim_mid_token_id", 99}};
  const struct {
    const char* what;
    const char* array = "tokenizer.ggml.tokens";
    std::size_t others = 100;  // tokens beside the marks
    Texts marks;
    Marks ids;
    GgufType type = GgufType::kUint32;
    bool fills = false;
  } cases[] = {
      {.what = "newer texts", .marks = {"<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"}, .fills = true},
      {.what = "older texts", .marks = marks, .fills = true},
      {.what = "a small vocabulary", .others = 3, .marks = marks, .fills = true},
      {.what = "two of three texts", .marks = {"<PRE>", "<SUF>"}},
      {.what = "no texts"},
      {.what = "texts elsewhere", .array = "tokenizer.ggml.merges", .marks = marks},
      {.what = "newer ids", .ids = ids, .fills = true},
      {.what = "older ids",
       .ids = {{"prefix_token_id", 7}, {"suffix_token_id", 8}, {"middle_token_id", 9}},
       .fills = true},
      {.what = "signed ids", .ids = ids, .type = GgufType::kInt32, .fills = true},
      {.what = "two of three ids", .ids = {{"fim_pre_token_id", 7}, {"fim_mid_token_id", 7}}},
      {.what = "an id beyond the vocabulary",
       .ids = {{"fim_pre_token_id", 0}, {"fim_suf_token_id", 1}, {"fim_mid_token_id", 100}}},
      {.what = "ids below zero",
       .ids = {{"fim_pre_token_id", 0}, {"fim_suf_token_id", 1}, {"fim_mid_token_id", ~0U}},
       .type = GgufType::kInt32},
      {.what = "ids that are no integers", .ids = ids, .type = GgufType::kFloat32},
      {.what = "ids without a vocabulary", .array = "tokenizer.ggml.merges", .ids = ids},
  };
  for (const auto& c : cases) {
    GgufBytes b;
    b.begin(0, 3 + c.ids.size()).text_key("general.architecture", "qwen2").text_key("tokenizer.ggml.model", "gpt2");
    b.key(c.array, GgufType::kArray).number(static_cast<std::uint32_t>(GgufType::kString));
    b.number(std::uint64_t{c.others + c.marks.size()});
    for (std::size_t i = 0; i < c.others; ++i) b.text("<t" + std::to_string(i) + ">");
    for (const auto& mark : c.marks) b.text(mark);
    for (const auto& [key, id] : c.ids) b.key("tokenizer.ggml." + key, c.type).number(id);
    EXPECT_EQ(tasks_of(parse_gguf(b.bytes(), b.bytes().size(), "m").value()).has(Task::kInfill), c.fills) << c.what;
  }
}

TEST(ModelCard, DigestNamesTheContent) {
  const TempFolder folder;
  const auto bytes = model("llama").bytes();
  const auto digest = [&](const std::string& name, const std::string& content) {
    return read_model_card(folder.write(name, content)).value().digest;
  };
  const auto first = digest("a.gguf", bytes);
  EXPECT_EQ(first.size(), 64U);
  EXPECT_EQ(digest("b.gguf", bytes), first);
  auto other = bytes;
  other.back() = '\2';
  EXPECT_NE(digest("c.gguf", other), first);
}

TEST(ModelCard, QuantizationWithoutAFileTypeIsThatOfMostWeights) {
  const TempFolder folder;
  const auto card = read_model_card(folder.write("m.gguf", model("llama", 1024).bytes()));
  ASSERT_TRUE(card);
  EXPECT_EQ(card->quantization, "Q8_0");
}

TEST(ModelCard, TasksFollowTheArchitecture) {
  const auto tasks = [](std::string_view architecture) {
    const auto bytes = model(architecture).bytes();
    return tasks_of(parse_gguf(bytes, bytes.size(), "m").value());
  };
  EXPECT_EQ(tasks("bert"), domain::TaskSet{Task::kEmbed});
  EXPECT_EQ(tasks("nomic-bert"), domain::TaskSet{Task::kEmbed});
  EXPECT_EQ(tasks("clip"), domain::TaskSet{});
  EXPECT_EQ(tasks("t5"), domain::TaskSet{});
  EXPECT_TRUE(tasks("qwen2").has(Task::kChat));
}

TEST(ModelCard, AHeadRanksOrClassifies) {
  const auto tasks = [](std::uint32_t labels, bool with_template) {
    GgufBytes b;
    b.begin(0, 3 + (labels > 0 ? 1 : 0) + (with_template ? 1 : 0)).text_key("general.architecture", "bert");
    b.text_key("tokenizer.ggml.model", "bert").u32_key("bert.pooling_type", 4);
    if (with_template) b.text_key("tokenizer.chat_template.rerank", "{query}{document}");
    if (labels > 0) {
      b.key("bert.classifier.output_labels", GgufType::kArray).number(std::uint32_t{8}).number(std::uint64_t{labels});
      for (std::uint32_t i = 0; i < labels; ++i) b.text("label");
    }
    return tasks_of(parse_gguf(b.bytes(), b.bytes().size(), "m").value());
  };
  EXPECT_EQ(tasks(0, false), (domain::TaskSet{Task::kRerank, Task::kClassify}));
  EXPECT_EQ(tasks(1, false), (domain::TaskSet{Task::kRerank, Task::kClassify}));
  EXPECT_EQ(tasks(2, false), domain::TaskSet{Task::kClassify});
  EXPECT_EQ(tasks(2, true), domain::TaskSet{Task::kRerank});
}

TEST(ModelCard, ReadsARealModel) {
  const std::filesystem::path path = std::filesystem::path(HEARTH_SHARED_DIR) / "models/stories260K.gguf";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no " << path;
  EXPECT_TRUE(check_structure(path));
  const auto card = read_model_card(path);
  ASSERT_TRUE(card) << card.error().message;
  EXPECT_EQ(card->architecture, "llama");
  EXPECT_GT(card->parameters, 200'000U);
  EXPECT_LT(card->parameters, 400'000U);
  EXPECT_EQ(card->size_bytes, std::filesystem::file_size(path));
}

}  // namespace
}  // namespace hearth::store
