#include "base/files.hpp"

#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <thread>
#include <unistd.h>

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

// Of a process that was killed, against one that is being written.
TEST_F(Files, OnlyWhatNobodyWritesIsAbandoned) {
  const auto left = folder_ / ".a.12345678.tmp";
  std::ofstream(left) << "half";
  EXPECT_TRUE(remove_abandoned(left));
  EXPECT_FALSE(fs::exists(left));
  EXPECT_FALSE(remove_abandoned(left)) << "it has gone";

  const int written = ::open(left.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0600);
  ASSERT_GE(written, 0);
  ASSERT_EQ(::flock(written, LOCK_EX), 0);
  EXPECT_FALSE(remove_abandoned(left));
  EXPECT_TRUE(fs::exists(left));
  ::close(written);
  EXPECT_TRUE(remove_abandoned(left));
}

// Somebody removes all that looks abandoned, all the time.
TEST_F(Files, WritesAreNotTakenForAbandoned) {
  const std::jthread remover([this](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      std::error_code error;
      for (fs::directory_iterator it(folder_, error), end; !error && it != end; it.increment(error)) {
        if (it->path().extension() == ".tmp") (void)remove_abandoned(it->path());
      }
    }
  });
  const std::string content(100'000, 'x');
  for (int i = 0; i < 300; ++i) {
    const auto written = replace_file(folder_ / "file", content);
    ASSERT_TRUE(written) << written.error().message;
  }
}

TEST_F(Files, ExpandUser) {
  EXPECT_EQ(expand_user("~/models"), home_folder() / "models");
  EXPECT_EQ(expand_user("/x/~"), fs::path("/x/~"));
}

}  // namespace
}  // namespace hearth::base
