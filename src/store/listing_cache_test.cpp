#include "store/listing_cache.hpp"

#include <fstream>
#include <gtest/gtest.h>

#include "base/files.hpp"
#include "store/test_folder.hpp"

namespace hearth::store {
namespace {

namespace fs = std::filesystem;

class ListingCacheTest : public ::testing::Test {
 protected:
  // Saves a file of what two models and a folder have.
  void fill() {
    for (const auto* name : {"a.gguf", "b.gguf"}) {
      domain::ModelCard card{.format = "gguf", .architecture = "llama", .quantization = "Q8_0", .digest = "abc"};
      card.size_bytes = 5'000'000'000;
      card.parameters = 7;
      card.context_tokens = 2048;
      card.embedding_dimensions = 64;
      card.tasks = {domain::Task::kChat, domain::Task::kEmbed};
      const auto path = home_.touch(std::string("m/") + name).string();
      cache_.put(path, *stamp_of(path), card);
    }
    const auto list = std::make_shared<FolderList>();
    list->names = {{.text = "only here", .kind = FolderList::Kind::kFile}};
    folders_.put(folder_, *stamp_of(folder_), list);
    cache_.save(folders_);
  }
  // What another process gets out of the file: 0 to 2 models, and whether it knows the folder.
  struct Known {
    int models = 0;
    bool folder = false;
  };
  Known load() const {
    ListingCache cache(file_);
    FolderCache folders;
    cache.load(folders);
    Known out;
    for (const auto* name : {"m/a.gguf", "m/b.gguf"}) {
      const auto path = (home_.path() / name).string();
      out.models += cache.find(path, stamp_of(path).value_or(FileStamp{})) ? 1 : 0;
    }
    out.folder = folders.list(folder_)->has("only here");
    return out;
  }
  [[nodiscard]] std::string content() const { return base::read_file(file_).value_or(""); }
  void write(const std::string& text) const { std::ofstream(file_) << text; }

  TestFolder home_;
  fs::path file_ = home_.path() / "cache/listing.tsv";
  std::string folder_ = (home_.path() / "m").string();
  ListingCache cache_{file_};
  FolderCache folders_;
};

TEST_F(ListingCacheTest, AnotherProcessKnowsWhatThisOneSaved) {
  fill();
  ListingCache cache(file_);
  FolderCache folders;
  cache.load(folders);
  const auto path = (home_.path() / "m/a.gguf").string();
  const auto card = cache.find(path, *stamp_of(path));
  ASSERT_TRUE(card);
  EXPECT_EQ(card->path, path);
  EXPECT_EQ(card->format, "gguf");
  EXPECT_EQ(card->architecture, "llama");
  EXPECT_EQ(card->quantization, "Q8_0");
  EXPECT_EQ(card->digest, "abc");
  EXPECT_EQ(card->size_bytes, 5'000'000'000U);
  EXPECT_EQ(card->parameters, 7U);
  EXPECT_EQ(card->context_tokens, 2048);
  EXPECT_EQ(card->embedding_dimensions, 64);
  EXPECT_EQ(card->tasks, (domain::TaskSet{domain::Task::kChat, domain::Task::kEmbed}));
  EXPECT_EQ(card->modified.time_since_epoch(), std::chrono::nanoseconds(stamp_of(path)->modified));
  EXPECT_TRUE(load().folder);
  std::ofstream(path) << "changed";
  EXPECT_EQ(load().models, 1) << "another file now";
  home_.touch("m/c");
  EXPECT_FALSE(load().folder);
}

TEST_F(ListingCacheTest, IsWrittenOnlyWithNews) {
  fill();
  fs::remove(file_);
  cache_.save(folders_);
  EXPECT_FALSE(fs::exists(file_)) << "nothing new";
  const auto path = (home_.path() / "m/a.gguf").string();
  cache_.put(path, *stamp_of(path), {});
  cache_.save(folders_);
  EXPECT_TRUE(fs::exists(file_));
}

TEST_F(ListingCacheTest, ABrokenFileCountsForNothing) {
  fill();
  const std::string whole = content();
  ASSERT_EQ(load().models, 2);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    write(whole.substr(0, length));
    ASSERT_EQ(load().models, 0) << length;
    ASSERT_FALSE(load().folder) << length;
  }
  const auto with = [&](std::string_view what, std::string_view instead) {
    std::string text = whole;
    return text.replace(text.find(what), what.size(), instead);
  };
  for (const auto& text : {with("hearth-listing 3", "hearth-listing 2"), with("\ncards\n", "\n"), whole + "more\n",
                           with("\tchat", "\tsing"), with("\t2048\t", "\t2048x\t"), with("\t2048\t", "\t"),
                           with("\nend\n", "\t\nend\n"), with("\t7\t", "\t-7\t")}) {
    write(text);
    EXPECT_EQ(load().models, 0) << text;
  }
  for (const auto& text : {with("\tfonly", "\txonly"), with("\tfonly here", "\tfb\tfa")}) {
    write(text);
    EXPECT_FALSE(load().folder) << text;
    EXPECT_EQ(load().models, 2) << text;
  }
}

TEST_F(ListingCacheTest, PathsWithTabsAreLeftOut) {
  const auto path = home_.touch("m/a\tb.gguf").string();
  cache_.put(path, *stamp_of(path), {});
  fill();
  EXPECT_EQ(load().models, 2);
  EXPECT_FALSE(content().contains("a\tb"));
}

TEST_F(ListingCacheTest, WhereNothingCanBeWrittenNothingIs) {
  home_.touch("cache");  // a file in the folder's place
  fill();
  EXPECT_FALSE(fs::exists(file_));
  const fs::path none = home_.path() / "no/home/of/ours";
  ListingCache cache(none / "cache/listing.tsv");
  cache.put("/x", {}, {});
  cache.save(folders_);
  EXPECT_FALSE(fs::exists(none));
}

}  // namespace
}  // namespace hearth::store
