#include "base/files.hpp"

#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>

namespace hearth::base {
namespace {

namespace fs = std::filesystem;

class Files : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "hearth-files-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path folder_;
};

TEST_F(Files, WritesReplaceAtomicallyAndLeaveNoTempFiles) {
  const auto path = folder_ / "a" / "b.json";
  ASSERT_TRUE(write_file_atomically(path, "one"));
  ASSERT_TRUE(write_file_atomically(path, "two"));
  EXPECT_EQ(read_file(path).value(), "two");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "a"), {}), 1);
}

TEST_F(Files, ErrorsNameThePathAndTheReason) {
  const auto missing = read_file(folder_ / "none");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kIo);
  EXPECT_NE(missing.error().message.find("none: No such file or directory"), std::string::npos);
  std::ofstream(folder_ / "file") << "x";
  EXPECT_FALSE(write_file_atomically(folder_ / "file" / "below", "x"));
  EXPECT_EQ(read_file(folder_ / "file", Bytes{0}).error().code, ErrorCode::kPayloadTooLarge);
}

TEST_F(Files, ExpandUser) {
  EXPECT_EQ(expand_user("~/models"), home_folder() / "models");
  EXPECT_EQ(expand_user("/x/~"), fs::path("/x/~"));
}

}  // namespace
}  // namespace hearth::base
