#include "store/file_lock.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/files.hpp"
#include "store/test_folder.hpp"

namespace hearth::store {
namespace {

TEST(FileLock, NamesItsHolder) {
  const TestFolder folder;
  const auto file = folder.touch("m.lock", "99999999 and more that a longer id left\n");
  {
    const auto held = FileLock::try_take(file);
    ASSERT_TRUE(held) << held.error().message;
    EXPECT_EQ(base::read_file(file).value(), fmt::format("{}\n", ::getpid()));
    const auto second = FileLock::try_take(file);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::kConflict);
    EXPECT_EQ(second.error().message, fmt::format("{} is held by process {}", file.string(), ::getpid()));
  }
  EXPECT_TRUE(FileLock::try_take(file)) << "what stands in the file holds nothing";
}

TEST(FileLock, WhatIsNoIdIsNotShown) {
  const TestFolder folder;
  const auto file = folder.path() / "m.lock";
  const auto held = FileLock::try_take(file);
  ASSERT_TRUE(held);
  for (const auto* content : {"", "12", "x\n", "-4\n", "0\n"}) {
    folder.touch("m.lock", content);
    const auto second = FileLock::try_take(file);
    ASSERT_FALSE(second) << content;
    EXPECT_TRUE(second.error().message.ends_with(" is held by another process")) << second.error().message;
  }
}

}  // namespace
}  // namespace hearth::store
