#include "engine/core/prefix/prefix_file.hpp"

#include <cstring>
#include <gtest/gtest.h>
#include <sstream>

#include "base/files.hpp"
#include "engine/core/prefix/prefix_test_support.hpp"

namespace hearth::engine::core::prefix_file {
namespace {

using namespace test_support;

class PrefixFile : public ::testing::Test {
 protected:
  PrefixFile() {
    EXPECT_TRUE(write(path_, "key", saved_));
    bytes_ = base::read_file(path_).value_or("");
  }
  void put(std::string_view bytes) { ASSERT_TRUE(base::replace_file(path_, bytes)); }

  Folder folder_;
  const std::filesystem::path path_ = folder_.path() / "file";
  const SavedSequence saved_ = sequence(7, 20, 1001, {5, 11, 20});
  std::string bytes_;
};

TEST_F(PrefixFile, IsReadAsItWasWritten) {
  const auto head = read_head(path_, "key");
  ASSERT_TRUE(head) << head.error().message;
  EXPECT_EQ(head->tokens, saved_.tokens);
  EXPECT_EQ(head->checkpoints.at(1).length, 11);
  EXPECT_EQ(head->file_bytes, bytes_.size());
  const auto all = read(path_, "key");
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_EQ(all->tokens, saved_.tokens);
  EXPECT_EQ(all->state, saved_.state);
  ASSERT_EQ(all->checkpoints.size(), 3U);
  EXPECT_EQ(*all->checkpoints[2].state, "checkpoint 20");
  EXPECT_EQ(all->bytes(), saved_.bytes());
}

TEST_F(PrefixFile, IsForItsOwnerAlone) {
  using std::filesystem::perms;
  EXPECT_EQ(std::filesystem::status(path_).permissions(), perms::owner_read | perms::owner_write);
}

TEST_F(PrefixFile, EveryDamagedByteIsFound) {
  for (std::size_t i = 0; i < bytes_.size(); ++i) {
    std::string damaged = bytes_;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x40);
    put(damaged);
    const auto got = read(path_, "key");
    ASSERT_FALSE(got) << "byte " << i;
    ASSERT_EQ(got.error().code, ErrorCode::kInvalidRequest);
  }
}

TEST_F(PrefixFile, EveryOtherLengthIsFound) {
  for (std::size_t size = 0; size < bytes_.size(); ++size) {
    put(std::string_view(bytes_).substr(0, size));
    ASSERT_FALSE(read_head(path_, "key")) << size;
  }
  put(bytes_ + "x");
  EXPECT_FALSE(read_head(path_, "key"));
}

TEST_F(PrefixFile, AnotherModelsIsNotRead) {
  for (const auto* key : {"", "ke", "kez", "key "}) {
    const auto got = read_head(path_, key);
    ASSERT_FALSE(got) << key;
    EXPECT_NE(got.error().message.find("of another model or engine"), std::string::npos) << got.error().message;
  }
}

// Sizes that sum up to that of the file only because they are too large for their type.
TEST_F(PrefixFile, SizesAreNotBelievedEvenWithAChecksum) {
  constexpr std::size_t kStateBytes = 24;
  const std::size_t head = bytes_.size() - 1001 - 3 * std::string("checkpoint 20").size() + 1;
  const std::size_t last_part = head - 2 * sizeof(std::uint64_t);
  const auto flip_top = [this](std::size_t at) { bytes_[at + 7] = static_cast<char>(bytes_[at + 7] ^ 0x80); };
  flip_top(kStateBytes);
  flip_top(last_part);
  const std::uint64_t sum = checksum(std::string_view(bytes_).substr(0, head - sizeof sum));
  std::memcpy(bytes_.data() + head - sizeof sum, &sum, sizeof sum);
  put(bytes_);
  const auto got = read(path_, "key");
  ASSERT_FALSE(got);
  EXPECT_NE(got.error().message.find("cut off"), std::string::npos) << got.error().message;
}

// A disk that fails says nothing about the file: it is not damaged, and stays.
TEST_F(PrefixFile, AFailingDiskIsNotADamagedFile) {
  class Failing : public std::stringbuf {
   public:
    Failing(const std::string& bytes, std::streamsize left) : std::stringbuf(bytes), left_(left) {}

   protected:
    std::streamsize xsgetn(char* to, std::streamsize count) override {
      left_ -= count;
      if (left_ < 0) throw std::ios_base::failure("the disk fails");
      return std::stringbuf::xsgetn(to, count);
    }

   private:
    std::streamsize left_;
  };
  for (const std::streamsize readable : {0, 39, 40, 100, 1000}) {
    Failing buffer(bytes_, readable);
    std::istream in(&buffer);
    const auto got = read(in, "it", "key");
    ASSERT_FALSE(got) << readable;
    EXPECT_EQ(got.error().code, ErrorCode::kIo) << readable;
  }
}

TEST_F(PrefixFile, OneThatIsGoneIsNotCalledDamaged) {
  EXPECT_EQ(read_head(folder_.path() / "none", "key").error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace hearth::engine::core::prefix_file
