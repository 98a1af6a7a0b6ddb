// Models of other programs: found after hearth's own, listed when asked for, never touched.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <map>

#include "base/strings.hpp"
#include "store/library.hpp"
#include "store/test_folder.hpp"

namespace hearth::store {
namespace {

namespace fs = std::filesystem;
using Origin = LibraryEntry::Origin;

const fs::path kEmber = fs::path(HEARTH_SOURCE_DIR) / "models/ember/ember-q8_0.gguf";

class CountingLog final : public base::Log {
 public:
  [[nodiscard]] bool enabled(base::LogLevel) const override { return true; }
  void write(base::LogLevel, std::string_view line) override { lines.emplace_back(line); }
  std::vector<std::string> lines;
};

class ForeignModels : public ::testing::Test {
 protected:
  ForeignModels()
      : library_({.root = folder_.path() / "home",
                  .models = folder_.path() / "home/models",
                  .bundled = {},
                  .foreign = {.hub = {folder_.path() / "hub"},
                              .ollama = {folder_.path() / "ollama", folder_.path() / "none"},
                              .lm_studio = {folder_.path() / "lm"}}},
                 log_) {
    place("hub/models--org--tiny/blobs/abc");
    fs::create_directories(folder_.path() / "hub/models--org--tiny/snapshots/rev");
    fs::create_symlink("../../blobs/abc", folder_.path() / "hub/models--org--tiny/snapshots/rev/tiny-Q8_0.gguf");
    place("ollama/blobs/sha256-" + std::string(64, 'a'));
    folder_.touch("ollama/blobs/sha256-" + std::string(64, 'b'), "be kind");
    folder_.touch("ollama/manifests/registry.ollama.ai/library/kind/1b",
                  fmt::format(R"({{"layers":[{{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:{}",)"
                              R"("size":1}},{{"mediaType":"application/vnd.ollama.image.system","digest":"sha256:{}",)"
                              R"("size":7}}]}})",
                              std::string(64, 'a'), std::string(64, 'b')));
    folder_.touch("ollama/manifests/registry.ollama.ai/library/broken/latest", "{");
    place("lm/publisher/repo/repo-Q4_K_M.gguf");
    place("lm/org/tiny/tiny-Q8_0.gguf");
  }
  fs::path place(const std::string& file) {
    const auto target = folder_.path() / file;
    fs::create_directories(target.parent_path());
    fs::copy_file(kEmber, target);
    return target;
  }
  // "id origin" of each.
  std::vector<std::string> listed(Scope scope) {
    std::vector<std::string> out;
    for (const auto& card : library_.list(scope).value()) out.push_back(card.name + " " + card.origin);
    return out;
  }
  // Every file of the other programs, with its time.
  std::map<std::string, fs::file_time_type> others() {
    std::map<std::string, fs::file_time_type> out;
    for (const auto* where : {"hub", "ollama", "lm"}) {
      for (const auto& entry : fs::recursive_directory_iterator(folder_.path() / where))
        out[entry.path().string()] = fs::last_write_time(entry.path());
    }
    return out;
  }

  TestFolder folder_;
  CountingLog log_;
  Library library_;
};

TEST_F(ForeignModels, AreListedOnlyWhenAskedFor) {
  EXPECT_TRUE(listed(Scope::kOwn).empty());
  const std::vector<std::string> all{"kind:1b ollama", "org/tiny huggingface", "publisher/repo lmstudio"};
  EXPECT_EQ(listed(Scope::kAll), all);
  EXPECT_EQ(listed(Scope::kAll), all);
  EXPECT_EQ(log_.lines.size(), 1U) << "a broken manifest is told of once";
  place("home/models/org/tiny/tiny-Q4_0.gguf");
  EXPECT_EQ(listed(Scope::kAll), (std::vector<std::string>{"kind:1b ollama", "org/tiny hearth",
                                                           "org/tiny:q8_0 huggingface", "publisher/repo lmstudio"}));
}

TEST_F(ForeignModels, AreFoundAfterOnesOwn) {
  struct {
    std::string name;
    Origin origin;
  } const cases[] = {{"org/tiny", Origin::kHub},
                     {"ORG/tiny:Q8_0", Origin::kHub},
                     {"kind", Origin::kOllama},
                     {"kind:1b", Origin::kOllama},
                     {"publisher/repo", Origin::kLmStudio}};
  for (const auto& c : cases) {
    const auto found = library_.find(c.name);
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_EQ(found->origin, c.origin) << c.name;
  }
  EXPECT_EQ(library_.find("kind:2b").error().code, ErrorCode::kModelNotFound);
  EXPECT_EQ(library_.card(*library_.find("kind"))->settings.system, "be kind");
  place("home/models/org/tiny/tiny-Q8_0.gguf");
  EXPECT_EQ(library_.find("org/tiny")->origin, Origin::kFolder);
  EXPECT_EQ(library_.find("org/tiny:q8_0")->origin, Origin::kFolder);
}

TEST_F(ForeignModels, AreNeverTouched) {
  const auto before = others();
  for (const auto& [name, remedy] : std::map<std::string, std::string>{{"org/tiny", "hf cache rm model/org/tiny"},
                                                                       {"kind", "ollama rm kind:1b"},
                                                                       {"publisher/repo", "LM Studio"}}) {
    const auto removed = library_.remove(name);
    ASSERT_FALSE(removed);
    EXPECT_EQ(removed.error().code, ErrorCode::kForbidden);
    EXPECT_TRUE(removed.error().message.contains(remedy)) << removed.error().message;
    ASSERT_TRUE(library_.copy(name, "copied"));
    EXPECT_EQ(library_.find("copied")->path, library_.find(name)->path);
    ASSERT_TRUE(library_.remove("copied"));
    ASSERT_TRUE(library_.create("mine", name, {.system = "Brief."}));
    ASSERT_TRUE(library_.remove("mine"));
  }
  (void)listed(Scope::kAll);
  EXPECT_EQ(others(), before);
}

TEST_F(ForeignModels, ACopyKeepsOllamasSettings) {
  ASSERT_TRUE(library_.copy("kind", "copied"));
  EXPECT_EQ(library_.card(*library_.find("copied"))->settings.system, "be kind");
}

}  // namespace
}  // namespace hearth::store
