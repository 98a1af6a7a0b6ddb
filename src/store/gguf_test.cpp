#include "store/gguf.hpp"

#include <functional>
#include <gtest/gtest.h>

#include "store/gguf_test_file.hpp"
#include "store/gguf_types.hpp"

namespace hearth::store {
namespace {

using testing::GgufBytes;
using testing::small_model;

Result<GgufHeader> parse(const std::string& bytes) { return parse_gguf(bytes, bytes.size(), "x.gguf"); }

TEST(Gguf, ReadsASmallModel) {
  const auto bytes = small_model().bytes();
  const auto header = parse(bytes);
  ASSERT_TRUE(header) << header.error().message;
  EXPECT_EQ(header->version, 3U);
  EXPECT_EQ(header->architecture(), "llama");
  EXPECT_EQ(header->integer(header->arch_key("context_length")), 2048);
  EXPECT_EQ(header->integers("llama.attention.head_count_kv"), (std::vector<std::int64_t>{4, 8}));
  EXPECT_EQ(header->integer("llama.attention.head_count_kv"), 8);
  EXPECT_EQ(header->integer("general.architecture"), std::nullopt);
  EXPECT_EQ(header->find("no.such.key"), nullptr);
  ASSERT_EQ(header->tensors.size(), 2U);
  EXPECT_EQ(header->tensors[0].bytes, 128U);
  EXPECT_EQ(header->tensors[1].offset, 128U);
  EXPECT_EQ(header->data_offset, bytes.size() - 192);
}

TEST(Gguf, EveryTruncationIsAnErrorNeverACrash) {
  const auto bytes = small_model().bytes();
  const auto whole = parse(bytes);
  ASSERT_TRUE(whole);
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    const auto header = parse(bytes.substr(0, n));
    EXPECT_EQ(header.has_value(), n >= whole->data_offset) << n;
    if (!header) EXPECT_EQ(header.error().code, ErrorCode::kModelLoadFailed) << n;
  }
}

TEST(Gguf, EveryChangedByteIsReadOrRefused) {
  const auto bytes = small_model().bytes();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (const int change : {0x01, 0x80, 0xFF}) {
      auto changed = bytes;
      changed[i] = static_cast<char>(changed[i] ^ change);
      static_cast<void>(parse(changed));
    }
  }
}

constexpr std::uint64_t kHuge = ~std::uint64_t{0};

struct Hostile {
  const char* what;
  std::function<void(GgufBytes&)> make;
  const char* says;
};

TEST(Gguf, HostileHeadersAreRefused) {
  const auto f32 = [](GgufBytes& b, const std::vector<std::uint64_t>& shape, std::uint64_t offset = 0,
                      std::uint32_t type = 0) { b.begin(1, 0).tensor("t", shape, type, offset).pad().data(64); };
  const std::vector<Hostile> table = {
      {"empty", [](GgufBytes&) {}, "ends here"},
      {"other file", [](GgufBytes& b) { b.raw("<!DOCTYPE html><html></html>"); }, "does not begin with 'GGUF'"},
      {"version 1", [](GgufBytes& b) { b.begin(0, 0, 1); }, "version 1"},
      {"version 99", [](GgufBytes& b) { b.begin(0, 0, 99); }, "version 99"},
      {"big endian", [](GgufBytes& b) { b.begin(0, 0, 0x03000000); }, "big-endian"},
      {"tensor count", [](GgufBytes& b) { b.begin(kHuge, 0).data(100); }, "claims 18446744073709551615 tensors"},
      {"key count", [](GgufBytes& b) { b.begin(0, kHuge).data(100); }, "claims 18446744073709551615 keys"},
      {"key count over the file", [](GgufBytes& b) { b.begin(0, 1000).data(100); }, "claims 1000 keys"},
      {"key length", [](GgufBytes& b) { b.begin(0, 1).number(kHuge).data(100); }, "more than 65535"},
      {"text length", [](GgufBytes& b) { b.begin(0, 1).key("a", GgufType::kString).number(kHuge).data(100); },
       "more than"},
      {"text over the end",
       [](GgufBytes& b) { b.begin(0, 1).key("a", GgufType::kString).number(std::uint64_t{101}).data(100); },
       "ends here"},
      {"value type", [](GgufBytes& b) { b.begin(0, 1).text("a").number(std::uint32_t{13}).data(100); }, "type 13"},
      {"empty key", [](GgufBytes& b) { b.begin(0, 1).u32_key("", 1).data(100); }, "key that is empty"},
      {"key not text", [](GgufBytes& b) { b.begin(0, 1).u32_key("\xFF", 1).data(100); }, "key that is empty"},
      {"key twice", [](GgufBytes& b) { b.begin(0, 2).u32_key("a", 1).u32_key("a", 2).data(100); }, "comes twice"},
      {"array count",
       [](GgufBytes& b) {
         b.begin(0, 1).key("a", GgufType::kArray).number(std::uint32_t{10}).number(kHuge / 8 + 2).data(100);
       },
       "more than the file holds"},
      {"array of texts",
       [](GgufBytes& b) { b.begin(0, 1).key("a", GgufType::kArray).number(std::uint32_t{8}).number(kHuge).data(100); },
       "more than the file holds"},
      {"array of arrays",
       [](GgufBytes& b) {
         b.begin(0, 1).key("a", GgufType::kArray).number(std::uint32_t{9}).number(std::uint64_t{1}).data(100);
       },
       "array of arrays"},
      {"alignment 0", [](GgufBytes& b) { b.begin(0, 1).u32_key("general.alignment", 0).data(100); }, "alignment of 0"},
      {"alignment 33", [](GgufBytes& b) { b.begin(0, 1).u32_key("general.alignment", 33).data(100); },
       "alignment of 33"},
      {"alignment as text", [](GgufBytes& b) { b.begin(0, 1).text_key("general.alignment", "32").data(100); },
       "alignment of 0"},
      {"no dimensions", [&](GgufBytes& b) { f32(b, {}); }, "0 dimensions"},
      {"five dimensions", [&](GgufBytes& b) { f32(b, {1, 1, 1, 1, 1}); }, "5 dimensions"},
      {"dimension 0", [&](GgufBytes& b) { f32(b, {4, 0}); }, "impossible shape"},
      {"element overflow", [&](GgufBytes& b) { f32(b, {1ULL << 32, 1ULL << 32}); }, "impossible shape"},
      {"wraps to zero", [&](GgufBytes& b) { f32(b, {1ULL << 63, 2}); }, "impossible shape"},
      {"byte overflow", [&](GgufBytes& b) { f32(b, {1ULL << 62, 1}, 0, 28); }, "too large"},
      {"part of a block", [&](GgufBytes& b) { f32(b, {33}, 0, 8); }, "no whole blocks of Q8_0"},
      {"not aligned", [&](GgufBytes& b) { f32(b, {8}, 4); }, "not aligned"},
      {"name length", [](GgufBytes& b) { b.begin(1, 0).text(std::string(64, 'x')).data(100); }, "more than 63"},
      {"tensor twice",
       [](GgufBytes& b) { b.begin(2, 0).tensor("t", {8}, 0, 0).tensor("t", {8}, 0, 32).pad().data(64); },
       "comes twice"},
      {"no data", [](GgufBytes& b) { b.begin(1, 0).tensor("t", {8}, 0, 0).data(1); }, "before its tensor data"},
  };
  for (const Hostile& hostile : table) {
    GgufBytes b;
    hostile.make(b);
    const auto header = parse(b.bytes());
    ASSERT_FALSE(header) << hostile.what;
    EXPECT_NE(header.error().message.find(hostile.says), std::string::npos)
        << hostile.what << ": " << header.error().message;
    EXPECT_NE(header.error().message.find("x.gguf"), std::string::npos);
    EXPECT_NE(header.error().message.find("at byte"), std::string::npos) << header.error().message;
  }
}

TEST(Gguf, LongArraysAreCountedOnly) {
  GgufBytes b;
  b.begin(0, 2).key("texts", GgufType::kArray).number(std::uint32_t{8}).number(std::uint64_t{1000});
  for (int i = 0; i < 1000; ++i) b.text("token");
  b.key("numbers", GgufType::kArray).number(std::uint32_t{6}).number(std::uint64_t{5000}).data(20000);
  const auto header = parse(b.bytes());
  ASSERT_TRUE(header) << header.error().message;
  const auto& texts = std::get<GgufArray>(*header->find("texts"));
  EXPECT_EQ(texts.count, 1000U);
  EXPECT_TRUE(texts.values.empty());
  EXPECT_EQ(std::get<GgufArray>(*header->find("numbers")).count, 5000U);
}

TEST(Gguf, ReadsHeadersLongerThanOnePiece) {
  GgufBytes b;
  b.begin(1, 2).text_key("a", std::string(3 << 20, 'x')).text_key("general.architecture", "llama");
  b.tensor("t", {8}, 0, 0).pad().data(32);
  const testing::TempFolder folder;
  const auto header = read_gguf(folder.write("long.gguf", b.bytes()));
  ASSERT_TRUE(header) << header.error().message;
  EXPECT_EQ(header->architecture(), "llama");
  EXPECT_EQ(read_gguf(folder.path() / "absent.gguf").error().code, ErrorCode::kIo);
}

TEST(Gguf, TypesAreSortedAndWhole) {
  EXPECT_EQ(ggml_type(12)->name, "Q4_K");
  EXPECT_EQ(ggml_type(42)->name, "Q2_0");
  for (const std::uint32_t gone : {4U, 5U, 31U, 36U, 43U, 1000U}) EXPECT_EQ(ggml_type(gone), nullptr);
  EXPECT_EQ(file_type_name(15), "Q4_K_M");
  EXPECT_EQ(file_type_name(33), "");
}

}  // namespace
}  // namespace hearth::store
