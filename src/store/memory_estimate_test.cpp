#include "store/memory_estimate.hpp"

#include <cstring>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "store/gguf_test_file.hpp"

namespace hearth::store {
namespace {

using testing::GgufBytes;

// The header of a llama model with random weights, without its data.
struct Shape {
  const char* name;
  std::uint32_t layers, embedding, feed_forward, heads, kv_heads, vocabulary;
};
constexpr Shape kTiny{"15M", 6, 288, 768, 6, 6, 32000};
constexpr Shape kSmall{"135M", 30, 576, 1536, 9, 3, 49152};
constexpr Shape kMedium{"0.5B", 24, 896, 4864, 14, 2, 151936};
constexpr std::uint32_t kF32 = 0;
constexpr std::uint32_t kQ4 = 2;
constexpr std::uint32_t kQ8 = 8;

GgufHeader header_of(const Shape& m, std::uint32_t type) {
  struct Weight {
    std::string name;
    std::vector<std::uint64_t> shape;
    std::uint32_t type;
  };
  const std::uint64_t kv = m.embedding / m.heads * m.kv_heads;
  std::vector<Weight> all = {{"token_embd.weight", {m.embedding, m.vocabulary}, kQ8}};  // never q4_0
  for (std::uint32_t i = 0; i < m.layers; ++i) {
    const std::string block = "blk." + std::to_string(i) + ".";
    all.push_back({block + "attn_norm.weight", {m.embedding}, kF32});
    for (const char* n : {"attn_q", "attn_output"})
      all.push_back({block + n + ".weight", {m.embedding, m.embedding}, type});
    for (const char* n : {"attn_k", "attn_v"}) all.push_back({block + n + ".weight", {m.embedding, kv}, type});
    for (const char* n : {"ffn_gate", "ffn_up"})
      all.push_back({block + n + ".weight", {m.embedding, m.feed_forward}, type});
    all.push_back({block + "ffn_down.weight", {m.feed_forward, m.embedding}, type});
  }
  GgufBytes b;
  b.begin(all.size(), 9).text_key("general.architecture", "llama").u32_key("llama.context_length", 32768);
  b.u32_key("llama.block_count", m.layers).u32_key("llama.embedding_length", m.embedding);
  b.u32_key("llama.feed_forward_length", m.feed_forward).u32_key("llama.attention.head_count", m.heads);
  b.u32_key("llama.attention.head_count_kv", m.kv_heads).u32_key("llama.vocab_size", m.vocabulary);
  b.text_key("tokenizer.ggml.model", "llama");
  for (const Weight& w : all) b.tensor(w.name, w.shape, w.type, 0);
  return parse_gguf(b.bytes(), 1ULL << 40, m.name).value();
}

// Measured: see memory_estimate.cpp.
struct Row {
  Shape model;
  std::uint32_t type;
  std::int32_t context, parallel;
  double measured_mb;
};
constexpr Row kMeasured[] = {
    {kTiny, kQ8, 512, 4, 60.2},    {kTiny, kQ8, 2048, 4, 108.4},  {kTiny, kQ4, 512, 4, 57.5},
    {kTiny, kQ4, 2048, 4, 105.5},  {kSmall, kQ8, 512, 4, 231.2},  {kSmall, kQ4, 512, 4, 180.1},
    {kSmall, kQ4, 2048, 1, 179.1}, {kMedium, kQ8, 256, 2, 602.6}, {kMedium, kQ4, 256, 2, 412.7},
    {kMedium, kQ4, 512, 2, 441.5},
};

TEST(MemoryEstimate, IsWithinFifteenPercentOfTheMeasured) {
  for (const Row& row : kMeasured) {
    const auto estimate =
        estimate_memory(header_of(row.model, row.type), {.context_tokens = row.context, .parallel = row.parallel});
    EXPECT_NEAR(static_cast<double>(estimate.total().count) / (row.measured_mb * 1e6), 1.0, 0.15)
        << row.model.name << " type " << row.type << " " << row.context << " x " << row.parallel;
  }
}

TEST(MemoryEstimate, FitsTheStoriesModel) {
  const std::filesystem::path path = std::filesystem::path(HEARTH_SHARED_DIR) / "models/stories260K.gguf";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no " << path;
  const auto header = read_gguf(path).value();
  const auto mb = [&](std::int32_t context) {
    return static_cast<double>(estimate_memory(header, {.context_tokens = context}).total().count) / 1e6;
  };
  EXPECT_NEAR(mb(512) / 20.5, 1.0, 0.15);
  EXPECT_NEAR(mb(2048) / 32.5, 1.0, 0.15);
  EXPECT_EQ(mb(0), mb(2048));  // what it was trained with
}

TEST(MemoryEstimate, CountsTheCacheExactly) {
  const auto estimate = estimate_memory(header_of(kMedium, kQ8), {.context_tokens = 1000, .parallel = 3});
  EXPECT_EQ(estimate.kv_cache.count, 3072ULL * 24 * 2 * (64 + 64) * 2);  // cells x layers x heads x (key + value) x f16
}

TEST(MemoryEstimate, GrowsWithEveryPartOfTheShape) {
  const auto header = header_of(kSmall, kQ8);
  const auto total = [&](const LoadShape& shape) { return estimate_memory(header, shape).total().count; };
  const LoadShape base{.context_tokens = 1024, .parallel = 2, .batch_tokens = 256};
  EXPECT_GT(total({.context_tokens = 2048, .parallel = 2, .batch_tokens = 256}), total(base));
  EXPECT_GT(total({.context_tokens = 1024, .parallel = 4, .batch_tokens = 256}), total(base));
  EXPECT_GT(total({.context_tokens = 1024, .parallel = 2, .batch_tokens = 512}), total(base));
  EXPECT_EQ(estimate_memory(header, base, {100}).total().count, total(base) + 100);
}

TEST(MemoryEstimate, AbsurdHeadersDoNotOverflow) {
  GgufBytes b;
  b.begin(0, 8).text_key("general.architecture", "llama").text_key("tokenizer.ggml.model", "llama");
  for (const char* key : {"block_count", "embedding_length", "feed_forward_length", "vocab_size",
                          "attention.head_count_kv", "context_length"})
    b.u32_key(std::string("llama.") + key, 0xFFFFFFFF);
  const auto header = parse_gguf(b.bytes(), b.bytes().size(), "x").value();
  const auto estimate =
      estimate_memory(header, {.context_tokens = 0x7FFFFFFF, .parallel = 128, .batch_tokens = 0x7FFFFFFF});
  EXPECT_GE(estimate.total().count, 1ULL << 50);
  EXPECT_LT(estimate.total().count, 1ULL << 53);
}

TEST(MemoryEstimate, ThisMachineHasMemory) {
  EXPECT_GT(available_memory().count, 1'000'000U);
  EXPECT_GE(total_memory(), available_memory());
}

TEST(MemoryEstimate, AProcessHoldsWhatItHasTouched) {
  constexpr std::size_t kSize = 64 << 20;
  const base::Bytes before = resident_memory(::getpid());
  EXPECT_GT(before.count, 100'000U);
  void* const pages = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(pages, MAP_FAILED);
  EXPECT_LT(resident_memory(::getpid()).count, before.count + kSize / 2);
  std::memset(pages, 1, kSize);
  EXPECT_GT(resident_memory(::getpid()).count, before.count + kSize / 2);
  ::munmap(pages, kSize);
  EXPECT_EQ(resident_memory(0).count, 0U);  // there is none
}

}  // namespace
}  // namespace hearth::store
