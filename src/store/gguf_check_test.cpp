#include <gtest/gtest.h>

#include "store/gguf.hpp"
#include "store/gguf_test_file.hpp"

namespace hearth::store {
namespace {

using testing::GgufBytes;
using testing::small_model;
using testing::TempFolder;

std::string problem(const std::filesystem::path& path) {
  const auto result = check_structure(path);
  return result ? "" : result.error().message;
}

TEST(GgufCheck, TakesAWholeFileAndRefusesACutOne) {
  const TempFolder folder;
  const auto bytes = small_model().bytes();
  EXPECT_EQ(problem(folder.write("whole.gguf", bytes)), "");
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    const auto cut = check_structure(folder.write("cut.gguf", bytes.substr(0, n)));
    ASSERT_FALSE(cut) << n;
    EXPECT_EQ(cut.error().code, ErrorCode::kModelLoadFailed);
  }
  EXPECT_NE(problem(folder.path() / "cut.gguf").find("'output_norm.weight' ends 1 bytes after the file"),
            std::string::npos)
      << problem(folder.path() / "cut.gguf");
}

TEST(GgufCheck, RefusesUnknownTypesAndOverlaps) {
  const TempFolder folder;
  GgufBytes unknown;
  unknown.begin(1, 1).text_key("general.architecture", "llama").tensor("t", {8}, 99, 0).pad().data(64);
  EXPECT_NE(problem(folder.write("a.gguf", unknown.bytes())).find("has type 99"), std::string::npos);
  GgufBytes overlap;
  overlap.begin(2, 1)
      .text_key("general.architecture", "llama")
      .tensor("a", {16}, 0, 0)
      .tensor("b", {8}, 0, 32)
      .pad()
      .data(64);
  EXPECT_NE(problem(folder.write("b.gguf", overlap.bytes())).find("'a' and 'b' overlap"), std::string::npos);
  GgufBytes far;
  far.begin(1, 1).text_key("general.architecture", "llama").tensor("t", {8}, 0, ~std::uint64_t{31}).pad().data(64);
  EXPECT_NE(problem(folder.write("c.gguf", far.bytes())).find("after the file"), std::string::npos);
  GgufBytes nameless;
  nameless.begin(0, 0).pad();
  EXPECT_NE(problem(folder.write("d.gguf", nameless.bytes())).find("architecture"), std::string::npos);
}

std::string part(std::uint16_t number, std::uint16_t count, std::int32_t tensors) {
  GgufBytes b;
  b.begin(1, 4).text_key("general.architecture", "llama");
  b.key("split.no", GgufType::kUint16).number(number).key("split.count", GgufType::kUint16).number(count);
  b.key("split.tensors.count", GgufType::kInt32).number(tensors);
  return b.tensor("t" + std::to_string(number), {8}, 0, 0).pad().data(32).bytes();
}

TEST(GgufCheck, SplitModelsMustBeComplete) {
  const TempFolder folder;
  const auto first = folder.write("m-00001-of-00003.gguf", part(0, 3, 3));
  folder.write("m-00002-of-00003.gguf", part(1, 3, 3));
  EXPECT_NE(problem(first).find("m-00003-of-00003.gguf is missing"), std::string::npos) << problem(first);
  const auto third = folder.write("m-00003-of-00003.gguf", part(2, 3, 3));
  EXPECT_EQ(problem(first), "");
  EXPECT_NE(problem(third).find("not the first part"), std::string::npos);
  folder.write("m-00003-of-00003.gguf", part(1, 3, 3));
  EXPECT_NE(problem(first).find("another part"), std::string::npos);
  folder.write("m-00003-of-00003.gguf", part(2, 3, 3).substr(0, 100));
  EXPECT_NE(problem(first), "");
  folder.write("m-00003-of-00003.gguf", part(2, 3, 3));
  EXPECT_NE(problem(folder.write("n-00001-of-00001.gguf", part(0, 3, 3))).find("-of-00003"), std::string::npos);
  EXPECT_NE(problem(folder.write("m-00001-of-00003.gguf", part(0, 3, 7))).find("3 tensors instead of 7"),
            std::string::npos);
}

}  // namespace
}  // namespace hearth::store
