#include "engine/core/prefix/prefix_disk.hpp"

#include <chrono>
#include <fcntl.h>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/files.hpp"
#include "engine/core/prefix/prefix_test_support.hpp"

namespace hearth::engine::core {
namespace {

using namespace test_support;
namespace fs = std::filesystem;

class Disk : public ::testing::Test {
 protected:
  [[nodiscard]] PrefixDisk disk(std::string key = "key", std::uint64_t most = 1 << 20) {
    return {{.folder = folder_.path(), .most = {most}, .key = std::move(key)}, log_};
  }
  void age(const std::string& name, int minutes) const {
    fs::last_write_time(folder_.path() / name, fs::file_time_type::clock::now() - std::chrono::minutes(minutes));
  }
  [[nodiscard]] bool has(const std::string& name) const { return fs::exists(folder_.path() / name); }

  Folder folder_;
  LinesLog log_;
};

TEST_F(Disk, WhatOneWritesAnotherFinds) {
  auto one = disk();
  const auto name = one.write(sequence(7, 20, 1000, {5, 11}));
  ASSERT_TRUE(name);
  auto two = disk();
  const auto found = two.find_new();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].name, *name);
  EXPECT_EQ(found[0].tokens, sequence(7, 20, 0).tokens);
  EXPECT_EQ(found[0].checkpoints, (std::vector<Position>{5, 11}));
  EXPECT_EQ(two.find_new().size(), 0U);
  EXPECT_EQ(one.find_new().size(), 0U) << "its own";
  const auto saved = two.read(*name);
  ASSERT_NE(saved, nullptr);
  EXPECT_EQ(saved->state, std::string(1000, 's'));
  EXPECT_EQ(log_.lines(), std::vector<std::string>{});
}

TEST_F(Disk, IsForItsOwnerAlone) {
  (void)disk();
  EXPECT_EQ(fs::status(folder_.path()).permissions(), fs::perms::owner_all);
}

TEST_F(Disk, WhatWasUsedLongestAgoGoesFirstWhosesoeverItIs) {
  auto mine = disk("mine", 3500);
  auto other = disk("other", 3500);
  const auto a = mine.write(sequence(1, 4, 1000)).value_or("");
  const auto b = other.write(sequence(2, 4, 1000)).value_or("");
  const auto c = mine.write(sequence(3, 4, 1000)).value_or("");
  age(a, 30);
  age(b, 20);
  age(c, 10);
  ASSERT_NE(mine.read(a), nullptr) << (log_.lines().empty() ? "" : log_.lines()[0]);  // used now
  const auto d = mine.write(sequence(4, 4, 1000)).value_or("");
  EXPECT_TRUE(has(a));
  EXPECT_FALSE(has(b));
  EXPECT_TRUE(has(c));
  EXPECT_TRUE(has(d));
  EXPECT_EQ(mine.take_evicted(), std::vector{b});
  EXPECT_EQ(other.read(b), nullptr) << "gone, without a word";
  EXPECT_EQ(log_.lines(), std::vector<std::string>{});
}

TEST_F(Disk, DamagedAndForeignFilesAreDeletedAndSaid) {
  auto mine = disk("mine");
  const auto name = mine.write(sequence(1, 4, 1000)).value_or("");
  const auto content = base::read_file(folder_.path() / name).value_or("");
  const auto other = disk("other").write(sequence(1, 4, 1000)).value_or("");
  // Another model's under a name of this one.
  fs::copy_file(folder_.path() / other, folder_.path() / name, fs::copy_options::overwrite_existing);
  EXPECT_EQ(disk("mine").find_new().size(), 0U);
  EXPECT_FALSE(has(name));
  ASSERT_TRUE(base::replace_file(folder_.path() / name, content.substr(0, 900)));
  EXPECT_EQ(mine.read(name), nullptr);
  EXPECT_FALSE(has(name));
  EXPECT_TRUE(has(other));
  ASSERT_EQ(log_.lines().size(), 2U);
  EXPECT_NE(log_.lines()[0].find("another model"), std::string::npos);
  EXPECT_NE(log_.lines()[1].find("cut off"), std::string::npos);
}

TEST_F(Disk, NothingElseInTheFolderIsTouched) {
  fs::create_directories(folder_.path());
  for (const auto* name : {"notes.txt", "a.prefix", ".hidden.tmp", "0123456789abcdef-0123456789abcdeX.prefix"})
    ASSERT_TRUE(base::replace_file(folder_.path() / name, std::string(5000, 'n')));
  auto small = disk("key", 1500);
  EXPECT_TRUE(small.write(sequence(1, 4, 1000)));
  EXPECT_TRUE(small.write(sequence(2, 4, 1000)));
  EXPECT_EQ(small.find_new().size(), 0U);
  EXPECT_EQ(folder_.files().size(), 5U);
}

TEST_F(Disk, WhatComesBackIsNew) {
  auto one = disk();
  auto two = disk();
  const auto name = one.write(sequence(1, 4, 10)).value_or("");
  EXPECT_EQ(two.find_new().size(), 1U);
  one.remove(name);
  EXPECT_EQ(two.find_new().size(), 0U);
  EXPECT_EQ(one.write(sequence(1, 4, 10)), name);
  EXPECT_EQ(two.find_new().size(), 1U);
}

// A process that is killed while it writes leaves a file that nobody has locked.
class HalfWritten : public Disk {
 protected:
  HalfWritten() {
    fs::create_directories(folder_.path());
    for (const auto& name : {abandoned_, written_})
      EXPECT_TRUE(base::replace_file(folder_.path() / name, std::string(1000, 'x')));
    fd_ = ::open((folder_.path() / written_).c_str(), O_RDONLY);
    EXPECT_EQ(::flock(fd_, LOCK_EX), 0);
  }
  ~HalfWritten() override { ::close(fd_); }

  const std::string abandoned_ = ".0123456789abcdef-0123456789abcdef.prefix.aaaaaaaa.tmp";
  const std::string written_ = ".0123456789abcdef-0123456789abcdef.prefix.bbbbbbbb.tmp";
  int fd_ = -1;
};

TEST_F(HalfWritten, GoesAtTheStartIfNobodyWritesIt) {
  (void)disk();
  EXPECT_FALSE(has(abandoned_));
  EXPECT_TRUE(has(written_));
}

TEST_F(HalfWritten, Counts) {
  auto small = disk("key", 2300);
  const auto first = small.write(sequence(1, 4, 1000)).value_or("");
  age(first, 10);
  EXPECT_TRUE(small.write(sequence(2, 4, 1000)));
  EXPECT_FALSE(has(first)) << "what is being written takes its place";
  EXPECT_TRUE(has(written_));
  // Its process has died.
  ASSERT_EQ(::flock(fd_, LOCK_UN), 0);
  EXPECT_TRUE(small.write(sequence(3, 4, 1000)));
  EXPECT_FALSE(has(written_));
  EXPECT_EQ(folder_.files().size(), 2U);
}

TEST_F(Disk, AFolderThatCannotBeWrittenIsSaidOnce) {
  fs::create_directories(folder_.path().parent_path());
  ASSERT_TRUE(base::replace_file(folder_.path(), "a file where the folder should be"));
  auto none = disk();
  EXPECT_EQ(none.write(sequence(1, 4, 1000)), std::nullopt);
  EXPECT_EQ(none.write(sequence(2, 4, 1000)), std::nullopt);
  ASSERT_EQ(log_.lines().size(), 1U);
  EXPECT_NE(log_.lines()[0].find("engine.prefix_cache_dir"), std::string::npos);
  fs::remove(folder_.path());
  EXPECT_TRUE(none.write(sequence(3, 4, 1000))) << "it is tried again";
}

TEST_F(Disk, OneThatIsLargerThanTheBoundIsNotWritten) {
  auto small = disk("key", 500);
  EXPECT_EQ(small.write(sequence(1, 4, 1000)), std::nullopt);
  EXPECT_EQ(folder_.files().size(), 0U);
  EXPECT_EQ(log_.lines().size(), 1U);
}

}  // namespace
}  // namespace hearth::engine::core
