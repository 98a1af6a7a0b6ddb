#include "store/registry.hpp"

#include <gtest/gtest.h>
#include <thread>
#include <vector>

#include "base/files.hpp"
#include "store/test_folder.hpp"

namespace hearth::store {
namespace {

RegistryEntry entry(std::string name) {
  return {.name = std::move(name), .path = "/x.gguf", .format = "gguf", .task = "text-generation", .source = "import"};
}

Result<void> put(const std::filesystem::path& file, const std::string& name) {
  return Registry::update(file, [&](Registry& r) -> Result<void> {
    r.put(entry(name));
    return {};
  });
}

TEST(Registry, KeepsWhatItDoesNotKnow) {
  const TestFolder folder;
  const auto file =
      folder.touch("registry.json", R"({"version":1,"tool":{"a":[1]},"models":{"b":{"path":"/b","extra":7}}})");
  ASSERT_TRUE(put(file, "Org/A:q8_0"));
  const auto text = base::read_file(file).value();
  EXPECT_NE(text.find(R"("tool":{"a":[1]})"), std::string::npos);
  EXPECT_NE(text.find(R"("extra":7)"), std::string::npos);
  EXPECT_NE(text.find(R"("org--a-q8_0":{"name":"Org/A:q8_0")"), std::string::npos);
  ASSERT_TRUE(Registry::update(file, [](Registry& r) -> Result<void> {
    EXPECT_TRUE(r.remove("org/a:Q8_0"));
    EXPECT_FALSE(r.remove("org/a:Q8_0"));
    return {};
  }));
  EXPECT_EQ(Registry::load(file)->models().size(), 1U);
}

TEST(Registry, ClashingSlugsGetANumber) {
  const TestFolder folder;
  const auto file = folder.path() / "registry.json";
  ASSERT_TRUE(put(file, "a b"));
  ASSERT_TRUE(put(file, "a-b"));
  ASSERT_TRUE(put(file, "A B"));  // the same model again
  const auto registry = Registry::load(file);
  ASSERT_EQ(registry->models().size(), 2U);
  EXPECT_EQ(registry->models().at("a-b").name, "A B");
  EXPECT_EQ(registry->models().at("a-b-2").name, "a-b");
}

TEST(Registry, InvalidEntriesAreNamedAndSkipped) {
  const TestFolder folder;
  const auto file = folder.touch(
      "registry.json",
      R"({"version":1,"models":{"a":5,"b":{},"c":{"path":"/c"},"d":{"path":"/d","name":"x//y"},"e":{"path":"/e","name":7}}})");
  const auto registry = Registry::load(file);
  ASSERT_TRUE(registry);
  EXPECT_EQ(registry->models().size(), 1U);
  EXPECT_EQ(registry->models().at("c").name, "c");
  ASSERT_EQ(registry->warnings().size(), 4U);
  EXPECT_EQ(registry->warnings()[0], "entry 'a' skipped: not an object");
  EXPECT_EQ(registry->warnings()[3], "entry 'e' skipped: e.name must be a string, not a number");
}

TEST(Registry, ABrokenFileIsNeverOverwritten) {
  const TestFolder folder;
  for (const auto* content : {"{", "[]", R"({"version":2})", R"({"models":[{"path":"/a"}]})", R"({"models":"a"})",
                              R"({"hidden":"ember"})", R"({"hidden":["ember",5]})"}) {
    const auto file = folder.touch("registry.json", content);
    const auto done = put(file, "a");
    ASSERT_FALSE(done) << content;
    EXPECT_EQ(done.error().code, ErrorCode::kInvalidRequest) << content;
    EXPECT_NE(done.error().message.find("registry.json"), std::string::npos);
    EXPECT_EQ(base::read_file(file).value(), content);
  }
}

TEST(Registry, ConcurrentWritersLoseNothing) {
  const TestFolder folder;
  const auto file = folder.path() / "registry.json";
  {
    std::vector<std::jthread> writers;
    for (int t = 0; t < 4; ++t) {
      writers.emplace_back([&, t] {
        for (int i = 0; i < 10; ++i) EXPECT_TRUE(put(file, "m" + std::to_string(t * 10 + i)));
      });
    }
  }
  EXPECT_EQ(Registry::load(file)->models().size(), 40U);
}

TEST(Registry, Hidden) {
  const TestFolder folder;
  const auto file = folder.path() / "registry.json";
  const auto hide = [&](bool hidden) {
    return Registry::update(file, [&](Registry& r) -> Result<void> {
      r.set_hidden("Ember", hidden);
      return {};
    });
  };
  ASSERT_TRUE(hide(true));
  EXPECT_EQ(Registry::load(file)->hidden(), (std::vector<std::string>{"ember"}));
  ASSERT_TRUE(hide(false));
  EXPECT_TRUE(Registry::load(file)->hidden().empty());
}

}  // namespace
}  // namespace hearth::store
