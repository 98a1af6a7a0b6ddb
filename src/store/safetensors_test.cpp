#include "store/safetensors.hpp"

#include <cstring>
#include <gtest/gtest.h>

#include "store/test_folder.hpp"

namespace hearth::store {
namespace {

std::string file_of(std::string_view header, std::size_t data) {
  const std::uint64_t length = header.size();
  std::string out(8, '\0');
  std::memcpy(out.data(), &length, 8);
  return out.append(header).append(data, 'x');
}

constexpr std::string_view kTwo =
    R"({"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]},)"
    R"("a":{"dtype":"BF16","shape":[1,2],"data_offsets":[0,4]}})";

TEST(Safetensors, ReadsTensorsInTheOrderOfTheFile) {
  const auto bytes = file_of(kTwo, 12);
  const auto header = parse_safetensors(bytes, bytes.size(), "m");
  ASSERT_TRUE(header) << header.error().message;
  ASSERT_EQ(header->tensors.size(), 2U);
  EXPECT_EQ(header->tensors[0].name, "a");
  EXPECT_EQ(header->tensors[0].type, "BF16");
  EXPECT_EQ(header->tensors[1].shape, std::vector<std::uint64_t>{2});
  EXPECT_EQ(header->tensors[1].elements, 2U);
  EXPECT_EQ(header->data_offset, 8 + kTwo.size());
}

TEST(Safetensors, RefusesWhatDoesNotFit) {
  struct Case {
    std::string_view header;
    std::size_t data;
    std::string_view says;
  };
  const Case cases[] = {
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 7, "'a' ends 1 bytes after the file"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 9, "1 bytes after its last tensor"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})", 12, "begins at 4 of the data and not at 0"},
      {R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8, "not what the shape"},
      {R"({"a":{"dtype":"F33","shape":[2],"data_offsets":[0,8]}})", 8, "'F33' is not known"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", 8, "a beginning and an end"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}})", 8, "a beginning and an end"},
      {R"({"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", 8, "shape"},
      {R"({"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 0, "not what the shape"},
      {R"({"a":{"dtype":"U64","shape":[2305843009213693952],"data_offsets":[0,0]}})", 0, "not what the shape"},
      {R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
       2, "begins at 0 of the data and not at 1"},
      {R"({"a":7})", 0, "a"},
      {R"([])", 0, "no JSON object"},
      {R"({"a")", 0, "its header"},
  };
  for (const auto& c : cases) {
    const auto bytes = file_of(c.header, c.data);
    const auto header = parse_safetensors(bytes, bytes.size(), "m");
    ASSERT_FALSE(header) << c.header;
    EXPECT_EQ(header.error().code, ErrorCode::kModelLoadFailed);
    EXPECT_NE(header.error().message.find(c.says), std::string::npos) << header.error().message;
    EXPECT_TRUE(header.error().offset.has_value());
  }
}

TEST(Safetensors, RefusesEveryCut) {
  const auto bytes = file_of(kTwo, 12);
  const TestFolder folder;
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    const auto cut = read_safetensors(folder.touch("cut.safetensors", bytes.substr(0, n)));
    ASSERT_FALSE(cut) << n;
    EXPECT_EQ(cut.error().code, ErrorCode::kModelLoadFailed);
  }
  EXPECT_TRUE(read_safetensors(folder.touch("whole.safetensors", bytes)));
}

TEST(Safetensors, RefusesLengthsOfAnotherWorld) {
  for (const std::uint64_t length : {~std::uint64_t{0}, std::uint64_t{1} << 62, std::uint64_t{17} << 20}) {
    std::string bytes(64, '{');
    std::memcpy(bytes.data(), &length, 8);
    EXPECT_FALSE(parse_safetensors(bytes, bytes.size(), "m"));
    EXPECT_FALSE(parse_safetensors(bytes, length, "m"));
  }
}

TEST(Safetensors, LooksForAllPartsAndTensors) {
  const TestFolder folder;
  const auto one = [](std::string_view tensor) {
    return file_of(R"({")" + std::string(tensor) + R"(":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1);
  };
  const auto first = folder.touch("model-00001-of-00002.safetensors", one("a"));
  const auto missing = check_safetensors(first);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().context, (folder.path() / "model-00002-of-00002.safetensors").string());
  folder.touch("model-00002-of-00002.safetensors", one("b"));
  EXPECT_TRUE(check_safetensors(first));
  const auto index = [&](std::string_view map) {
    folder.touch("model.safetensors.index.json", R"({"metadata":{},"weight_map":)" + std::string(map) + "}");
    return check_safetensors(first);
  };
  EXPECT_TRUE(index(R"({"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"})"));
  const auto elsewhere = index(R"({"a":"model-00001-of-00002.safetensors","b":"model-00001-of-00002.safetensors"})");
  ASSERT_FALSE(elsewhere);
  EXPECT_NE(elsewhere.error().message.find("tensor 'b' is not in"), std::string::npos);
  EXPECT_FALSE(index(R"({"a":"../other.safetensors"})"));
  EXPECT_FALSE(index(R"([1])"));
}

}  // namespace
}  // namespace hearth::store
