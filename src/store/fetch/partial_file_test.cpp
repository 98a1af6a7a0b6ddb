#include "store/fetch/partial_file.hpp"

#include <fstream>
#include <gtest/gtest.h>

#include "base/files.hpp"
#include "store/test_folder.hpp"

namespace hearth::store::fetch {
namespace {

namespace fs = std::filesystem;

class Partial : public ::testing::Test {
 protected:
  Partial() { id_.size = 100; }
  void fetch_some() const {
    auto file = PartialFile::open(path(), id_);
    ASSERT_TRUE(file) << file.error().message;
    ASSERT_TRUE(file->write(0, std::string(10, 'a')));
    ASSERT_TRUE(file->write(50, std::string(20, 'b')));
    file->sync(file->done(), file->epoch());
    ASSERT_TRUE(file->write(90, std::string(10, 'c')));
    ASSERT_TRUE(file->record());
  }
  [[nodiscard]] std::uint64_t resumes_with(const ContentId& id) const {
    const auto file = PartialFile::open(path(), id);
    return file ? file->done().total() : UINT64_MAX;
  }
  // As if the record had been written before another start of the machine.
  void after_a_reboot() const {
    const auto file = folder_.path() / "m.gguf.partial.json";
    std::string text = *base::read_file(file);
    const auto at = text.find("\"boot\":\"") + 8;
    text.replace(at, 8, "00000000");
    std::ofstream(file) << text;
  }
  [[nodiscard]] fs::path path() const { return folder_.path() / "m.gguf"; }
  ContentId id_{.size = 100, .digest = {Digest::Kind::kSha256, std::string(64, 'a')}, .etag = {}};
  TestFolder folder_;
};

TEST_F(Partial, ResumesWhatWasRecorded) {
  fetch_some();
  EXPECT_EQ(resumes_with(id_), 40U);
  EXPECT_EQ(partial_bytes(path()), 40U);
}

TEST_F(Partial, AfterARebootOnlyWhatReachedTheDisk) {
  fetch_some();
  after_a_reboot();
  EXPECT_EQ(resumes_with(id_), 30U);
}

TEST_F(Partial, AnotherContentBeginsAnew) {
  const ContentId others[] = {{.size = 101, .digest = id_.digest, .etag = {}},
                              {.size = 100, .digest = {Digest::Kind::kSha256, std::string(64, 'b')}, .etag = {}},
                              {.size = 100, .digest = {}, .etag = {}}};
  for (const auto& other : others) {
    fetch_some();
    EXPECT_EQ(resumes_with(other), 0U);
    EXPECT_FALSE(fs::exists(folder_.path() / "m.gguf.partial.json"));
  }
}

TEST_F(Partial, DamagedRecordsBeginAnew) {
  for (const auto* text : {"", "{", "[]", "{\"version\":2}", R"({"version":1,"size":100,"done":[[5,1]]})",
                           R"({"version":1,"size":100,"done":[[0,"x"]]})", R"({"version":1,"size":-1})"}) {
    fetch_some();
    std::ofstream(folder_.path() / "m.gguf.partial.json") << text;
    EXPECT_EQ(resumes_with(id_), 0U) << text;
  }
}

TEST_F(Partial, BytesThatTheFileHasLostComeAgain) {
  fetch_some();
  fs::resize_file(folder_.path() / "m.gguf.partial", 60);
  EXPECT_EQ(resumes_with(id_), 20U);
}

TEST_F(Partial, CommitGivesTheName) {
  {
    auto file = PartialFile::open(path(), id_);
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->write(0, std::string(100, 'x')));
    ASSERT_TRUE(file->record());
    ASSERT_TRUE(file->commit());
  }
  EXPECT_EQ(*base::read_file(path()), std::string(100, 'x'));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_.path()), fs::directory_iterator()), 1);
}

TEST_F(Partial, AFullDiskIsToldWithBothNumbers) {
  id_.size = 1ULL << 60;
  const auto file = PartialFile::open(path(), id_);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, ErrorCode::kIo);
  EXPECT_NE(file.error().message.find("it takes 1153 PB"), std::string::npos) << file.error().message;
  EXPECT_NE(file.error().message.find(" left"), std::string::npos) << file.error().message;
}

}  // namespace
}  // namespace hearth::store::fetch
