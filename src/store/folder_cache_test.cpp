#include "store/folder_cache.hpp"

#include <gtest/gtest.h>

#include "store/test_folder.hpp"

namespace hearth::store {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> names(FolderCache& folders, const fs::path& folder) {
  std::vector<std::string> out;
  const auto list = folders.list(folder.string());
  for (const auto& name : list->names) out.push_back(static_cast<char>(name.kind) + name.text);
  return out;
}

TEST(FolderCache, ListsNamesWithTheirKinds) {
  const TestFolder home;
  home.touch("b");
  home.touch("a/x");
  home.touch(".hidden");
  fs::create_symlink("nowhere", home.path() / "c");
  FolderCache folders;
  EXPECT_EQ(names(folders, home.path()), (std::vector<std::string>{"da", "fb", "?c"}));
  EXPECT_TRUE(folders.list(home.path().string())->has("b"));
  EXPECT_FALSE(folders.list(home.path().string())->has("x"));
  EXPECT_TRUE(names(folders, home.path() / "none").empty());
  EXPECT_TRUE(names(folders, home.path() / "b").empty());
}

TEST(FolderCache, EveryChangeIsSeenAtOnce) {
  const TestFolder home;
  FolderCache folders;
  for (int i = 0; i < 200; ++i) {  // faster than file systems count time
    home.touch(std::to_string(i));
    ASSERT_EQ(names(folders, home.path()).size(), static_cast<std::size_t>(i) + 1);
  }
  EXPECT_FALSE(folders.take_news()) << "what changed just now is not kept";
}

TEST(FolderCache, AFolderThatIsAsItWasIsNotRead) {
  const TestFolder home;
  home.touch("a");
  const auto known = std::make_shared<FolderList>();
  known->names = {{.text = "as it was", .kind = FolderList::Kind::kFile}};
  FolderCache folders;
  folders.put(home.path().string(), *stamp_of(home.path().string()), known);
  EXPECT_EQ(names(folders, home.path()), (std::vector<std::string>{"fas it was"}));
  home.touch("b");
  EXPECT_EQ(names(folders, home.path()), (std::vector<std::string>{"fa", "fb"}));
}

}  // namespace
}  // namespace hearth::store
